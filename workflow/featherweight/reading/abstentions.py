"""The ways to say that one cannot know, as patterns over lower-case text; data, no logic.

Each stands for the option that says so, whatever its own words are. One real use:
`ABSTENTIONS` finds "does not say who" in "It does not say who forgot the password.".
"""

from __future__ import annotations

import re

from featherweight.reading.words import NOT_DONE, Rule, of

_SOURCE = of(
    "text / passage / context / paragraph / story / scenario / sentence / article / question /"
    " prompt / information / statement / narrator / author / writer / speaker / account / report /"
    " details? / description / excerpt / snippet / it / that / this / data / facts? / given"
)
_TELL = of(  # what a text does or does not do
    "says? / states? / mentions? / specif(?:y|ies) / tells? / indicates? / gives? / provides?"
    " / clarif(?:y|ies) / describes? / reveals? / discloses? / identif(?:y|ies) / explains?"
    " / address(?:es)? / discuss(?:es)? / covers? / includes? / contains? / names? / shows?"
    " / establish(?:es)? / confirms? / suggests? / points? / supports? / settles? / connects?"
    " / touch(?:es)? on / go(?:es)? into / let on / impl(?:y|ies) / makes? (?:it )?clear"
    " / determines? / talks? about / resolves? / reports? / links? / come up / elaborate / answer"
    " / shares? / quotes? / pins? / offers? / records? / spells? out / distinguish / differentiate"
    " / assigns? / attributes? / attach / match / hints? / notes? / compares? / get into"
    " / go further / let us know"
)
_TOLD = of(  # what something was or was not
    "said / stated / mentioned / specified / told / indicated / given / provided / clarified"
    " / described / revealed / disclosed / identified / explained / clear / known / written"
    " / reported / recorded / spelled out / spelt out / laid out / addressed / discussed / covered"
    " / included / contained / named / shown / established / confirmed / settled / answered"
    " / connected / touched on / implied / made clear / determined / shared / resolved"
    " / brought up / listed / detailed / assigned / attributed / attached / matched / quoted"
    r" / noted / linked / tied / compared / part of / on the page / up for / evident / apparent"
    r" / obvious / certain / in (?:the|this)"
    r" (?:text|passage|context|story|sentence|question|article)"
    " / in (?:here|it|there)"
)
_KNOW = of(  # what one can or cannot do
    "know / known / tell / say / said / determined? / decided? / judged? / concluded? /"
    " inferr?(?:ed)? / answered / answer it / pick(?:ed)? / chosen? / choose / be sure / be certain"
    " / identif(?:y|ied) / figured? out / worked? out / establish(?:ed)? / ascertain(?:ed)? /"
    " deduced? / guess(?:ed)? / pin(?:ned)? (?:it )?down / made out / make out / derived? / found /"
    " find out / found out / seen / given / resolved? / settled? / singled? out / read off /"
    " verified / verify / confirm(?:ed)? / assign(?:ed)? / attributed? / assumed? /"
    " distinguish(?:ed)? / make (?:a|any)"
    " (?:judge?ment|determination|decision|call|conclusion|choice) / draw (?:a|any) conclusions? /"
    " reach (?:a|any) conclusion / give (?:a|an) (?:definite|definitive|certain) answer"
)
_FACTS = of("info / information / context / details? / evidence / clues? / data")
_OPEN = of(
    "unknown / unclear / not known / not clear / ambiguous / uncertain / undetermined"
    " / indeterminate / unspecified / unstated / unanswerable / inconclusive / undecidable"
    " / undecided / unidentified / a mystery / up in the air"
)
_NOT = r"(?:\bnot|n'?t|\bnever|\bnowhere)"

# A word begins, or "n't" or a sign of a language without spaces: nothing else starts a match.
ABSTENTION = Rule(
    r"(?:(?<!\w)|(?=n'?t)|(?=[,无信不没]))(?:ANY)",
    (
        # The text does not say.
        rf"{_SOURCE}(?:'s)?(?: \S+){{0,3}}? (?:{NOT_DONE}|never|fails to|failed to|cannot|can not)"
        rf"(?: \w+){{0,2}} {_TELL}\b",
        rf"(?:not|never|nowhere|{NOT_DONE}|n'?t)(?: been)?"
        rf"(?: (?:really|even|ever|being|yet|fully|\w+ly|made|quite|all))? {_TOLD}\b",
        rf"(?:nothing|none|no one|nobody|neither)\b(?: \S+){{0,6}}?"
        rf" (?:is |was |are |were |has been |gets? )?{_TOLD}\b",
        rf"(?:nothing|none|no one|nobody|neither)\b(?: \S+){{0,6}}?"
        rf" (?:to )?(?:{_TELL}|lets? (?:us|me))\b",
        rf"no \S+(?: \S+){{0,3}}? (?:is|are|was|were|has been|have been|gets?) (?:\w+ )?{_TOLD}\b",
        r"no \S+(?: \S+){0,6}? (?:appears?|exists?|comes? up)\b",
        rf"(?:{NOT_DONE}|never) (?:really |actually )?"
        r"(?:say|tell|mention|state|specify|indicate|give|provide|reveal)s? (?:us )?"
        r"(?:who|which|any\w*|enough|whether|what|how|much)\b",
        rf"{_SOURCE} (?:\w+ )?(?:only|just|merely|simply) {_TELL}\b|{_TELL} only\b",
        r"(?:only|just|merely) (?:says?|said|tells?|mentions?|describes?|states?|know|told|reports?"
        r"|notes?|learn|talks?|gives?|given|that they)\b",
        rf"{_NOT}(?: \w+)? (?:comes?|came) up\b|n'?t (?:appear|feature)\b",
        r"(?:ends?|stops?) (?:before|short|there)\b|(?:missing|absent|omitted) from\b",
        r"without (?:saying|telling|naming|mentioning|specifying|giving|stating|identifying"
        r"|describing|revealing|explaining|indicating)\b",
        r", (?:but )?not (?:who|which|what|how|whether|why)\b",
        rf"{_NOT} a (?:single )?(?:hint|word|clue|detail|trace)\b",
        r"(?:is|was|are) all (?:that |it |the |we |there |they )"
        r"|that(?:'s| is) (?:all|everything|it|the only \w+)\b"
        r"|(?:nothing more|nothing else|the whole story|which is which)\b",
        r"(?:all|everything|the only (?:things?|details?|facts?|information)) (?:that )?"
        r"(?:we|it|i|the \w+|that)(?:'re| are| is)? ?"
        r"(?:know|tells?|told|says?|learn|hear|get|have|given|is said)\b",
        rf"nothing (?:here|in (?:here|it|there)|in (?:the |this ){_SOURCE}|else (?:is|was)"
        r"|about (?:it|this|that|who|which|their|his|her|either|them|what)"
        r"|to (?:go on|base|suggest|indicate|say|support|point|tell)|follows)\b",
        (
            r"(?:says?|said|tells? us|told|contains?|offers?|gives?|provides?|reveals?) (?:us"
            r" )?nothing\b"
        ),
        r"(?:unmentioned|unreported|undisclosed|undescribed|unexplained)\b",
        r"(?:leaves?|leaving|left|remains?|stays?|kept?|keeps) (?:\w+ ){0,8}?"
        rf"(?:open|out|unsaid|unspoken|unanswered|unresolved|blank|vague|hidden|{_OPEN})\b",
        r"(?:silent|silence|says nothing|mum|mute|vague) (?:on|about|as to)\b",
        r"(?:withheld|in the dark|hidden from|keeps? \w+ from us)\b"
        r"|keeps? (?:\w+ ){0,2}(?:to|for) (?:it|him|her|them)sel\w+\b",
        # There is not enough to go by.
        r"no (?:\w+"
        rf" )?(?:{_FACTS}|indications?|mention|hints?|telling|basis|facts?|proof|description"
        r"|statement|support|sign|way to|way of|grounds|conclusions?|answer|knowledge"
        r"|word (?:on|about)|knowing|certainty|definite)\b",
        rf"(?:{_NOT}|without|hardly)(?: \w+){{0,6}} (?:enough|sufficient|adequate|any|much)"
        rf" (?:\w+ ){{0,2}}(?:{_FACTS}|to (?:go on|say|tell|know|decide|determine|pick|answer)"
        r"|there|here|in)\b",
        rf"(?:not enough|insufficient|inadequate|too little|lack"
        rf" of|lacks?|lacking|limited|missing|more)"
        rf" (?:\w+ )?{_FACTS}\b",
        rf"{_FACTS} (?:\w+ ){{0,3}}(?:is|are|was)"
        r" (?:insufficient|missing|lacking|absent|inadequate|limited|not enough|too)\b",
        r"(?:facts?|details?|\w+) (?:\w+ )?(?:is|are) (?:all )?(?:missing|lacking)\b",
        r"(?:far |much )?too (?:little|small|few|thin|short|vague)\b",
        (
            rf"(?:{_NOT}|hardly) (?:sufficient|enough)\b(?=[.,;!]|\Z|(?: is| was)"
            r" (?:known|said|told|given))"
        ),
        r"(?:don'?t|do not) (?:think|believe|feel|see)(?: \S+){0,4}"
        r" (?:know|enough|sufficient|conclusive|info\w*|evidence|clear)\b",
        rf"{_NOT} (?:see|find|have) (?:a|an|any|the) (?:\w+ )?(?:answer|way|clue|hint|basis)\b",
        # One cannot know.
        r"(?:cannot|can'?t|can not|could not|couldn'?t|could never|can never|can hardly)"
        r"(?: (?:really|possibly|be|simply|honestly|safely|just|actually|ever|with certainty"
        rf"|\w+ly)){{0,3}} {_KNOW}\b",
        r"(?:impossible|not possible|isn'?t possible|unable|not able|no way|no basis|nothing)"
        rf"(?: (?:for \w+|really|here|from \w+ \w+))? (?:to|of|for) (?:really |even )?{_KNOW}\w*\b",
        r"(?:no one|nobody|none of us|no reader|neither of us|nothing)"
        rf" (?:can|could|knows?|is able to|would)\b(?: (?:really |be |possibly )?{_KNOW})?",
        rf"(?:we|i|you) (?:(?:simply |really |honestly |just )?{NOT_DONE}|would not|have no way to"
        r"|wouldn'?t be able to|haven'?t|have not) (?:really |actually |even |yet )?"
        r"(?:know|learn|say|tell|heard|seen|get to know"
        r"|(?:have|see|find|hear|get) (?:enough|any|anything|sufficient|the"
        r" (?:info\w*|details)))\b",
        r"(?:we|one|you|anyone|nobody|no one) (?:can'?t|cannot|can|could) (?:really )?answer\b",
        rf"(?:don'?t|do not|doubt)(?: \S+){{0,2}} (?:anybody|anyone|one|we|i) (?:can|could)"
        rf" (?:really )?{_KNOW}\b",
        (
            rf"(?:don'?t|do not|doubt)(?: \S+){{0,2}} (?:the )?{_SOURCE}"
            rf" (?:lets?|allows?|helps?|{_TELL})\b"
        ),
        rf"(?:{NOT_DONE}|{_NOT}) (?:\w+ )?(?:lets?|allow|help|permit|enable)s?"
        r" (?:us|me|anyone|one|you|the reader)\b",
        rf"{_NOT} (?:really )?(?:something|a thing|anything) (?:that )?(?:i |we |you |one )?"
        r"(?:can|could)\b",
        r"not (?:\w+ ){0,4}in a position to\b|(?:more than i can|without an answer|none the"
        r" wiser)\b"
        r"|(?:can'?t|cannot) (?:vouch|call it)\b|not for me to\b|zero (?:insight|info\w*)\b",
        r"do we (?:know|learn)\b|have none\b",
        r"(?:is|are|be|seems|remains|it'?s) impossible\b|(?:not|un)[ -]?determinable\b"
        r"|n'?t answerable\b",
        r"(?:i'?m|i am|we'?re|we are|one is|are) (?:not|n'?t)"
        r" (?:really |entirely |completely |at all )?(?:sure|certain|told|given)\b",
        rf"{_NOT} sure (?:who|which|about)\b|\Anot sure\b|unsure\b|not easy to (?:say|tell|know)\b"
        r"|(?:hard|difficult|tough) to (?:really )?(?:say|tell|know|determine|judge)\b",
        r"who (?:knows|can (?:say|tell|know))\b|how (?:could|can|should|would)"
        r" (?:we|i|anyone|you|one) (?:tell|know|say)\b",
        r"(?:god knows|any(?:one|body)'?s guess|your guess is|beats me|idk|dunno)\b",
        r"up to (?:the reader|interpretation|the imagination|us|you|anyone)\b",
        r"(?:pure|just|mere|only|be|be an?|is an?|is)"
        r" (?:speculation|guesswork|guessing|assumptions?|a guess|guess)\b"
        r"|would (?:only )?be (?:guessing|speculating|assuming|speculation)\b",
        # One word.
        rf"(?:is|was|are|it's|answer:?|remains?|be|therefore|thus|so|hence|seems|stays?|still|but"
        rf"|it)"
        rf" (?:\w+ )?{_OPEN}\b",
        r"(?:unclear|unknown|undetermined|indeterminate|unanswerable|undeterminable|inconclusive"
        r"|not answerable|unspecified|unstated)\b",
        r"\A\s{0,9}(?:unknown|unclear|not known|uncertain|unsure|n/a|ambiguous)\b",
        "无法确定|信息不足|无法判断|不知道|没有说明",
    ),
)
ABSTENTIONS = ABSTENTION.compiled()

# After it, or at the beginning of its clause: then it is the answer even where the clause speaks of
# one person alone.
ASKS_WHO = re.compile(r"\b(?:whether|who|whose|which|what|how|why|if)\b")
# "there is no evidence that it was the aunt" abstains; "nobody said that it was" only denies.
LACKING = re.compile(
    r"(?:there(?:'s| is) )?(?:no|not enough|insufficient|n'?t enough) (?:\w+ )?"
    rf"(?:{_FACTS}|proof|indications?|mention|hints?|sign)\b|unclear|unknown"
)
# "I'm not sure" abstains only where nobody is named.
UNSURE = re.compile(
    r"(?:(?:i'?m|i am|we'?re|we are) (?:not |n'?t )?(?:\w+ )?(?:sure|certain)|unsure|not easy"
    r"|\W*n'?t sure|\W*not sure|hard|difficult|tough)\b"
)
