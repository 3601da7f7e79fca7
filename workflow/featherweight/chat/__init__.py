"""Text to token ids and back: chat templates, thinking tags, stop tokens, the tokens of options."""
