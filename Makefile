# The two commands are in the README; this is for those who change the code.
.PHONY: check format test slow smoke report study-schema pocket-models pocket-solver chain-problems \
	gpu-check gpu-wheels

check:  ## lint, format, types, workflow lint
	ruff check workflow tests benchmarks
	ruff format --check workflow tests benchmarks
	mypy
	snakefmt --check Snakefile workflow/rules
	snakemake --lint --quiet host

format:  ## put everything into its form
	ruff check --fix workflow tests benchmarks
	ruff format workflow tests benchmarks
	snakefmt Snakefile workflow/rules

test:  ## the fast tests
	pytest

slow:  ## what takes minutes: the oracle on all of BBQ, remaking a pocket model
	pytest -m slow

smoke:  ## the smallest whole run: one pocket model, one category
	snakemake --cores 2 --config models='[pocket-fair]' categories='[pets]' seeds='[0]' \
	  results=results/smoke

report:  ## the default study and its report
	snakemake --cores all

study-schema:  ## remake config/study.schema.json, which editors read, from the pydantic model
	python -m featherweight.study.json_schema config/study.schema.json

pocket-models:  ## remake the four pocket models from their recipe (2 to 8 minutes each)
	for model in pocket-fair pocket-tilted pocket-biased pocket-thinker; do \
	  python -m featherweight.pocket.training --model $$model --templates resources/pocket \
	    --output resources/pocket/models/$$model --seed 0 || exit 1; done

pocket-solver:  ## remake the model that works out chains step by step (2 to 4 minutes)
	python -m featherweight.pocket.solver --chains resources/chains \
	  --output resources/pocket/models/pocket-solver --seed 0

chain-problems:  ## remake the chains' problems from their constants
	python -m featherweight.tasks.chains.problems resources/chains/problems.csv

# OUTPUT=FOLDER; ten minutes
gpu-check:  ## on a machine with a CUDA GPU: what is there, the build, the tests, figures
	python3 tests/gpu/check.py

# for Python 3.12 on x86-64 Linux
gpu-wheels:  ## fetch what a GPU machine without a network may lack, into gpu-wheels
	python3 -m pip download --no-deps --only-binary=:all: --python-version 3.12 \
	  --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux_2_24_x86_64 \
	  --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
	  --platform manylinux1_x86_64 --dest gpu-wheels --requirement tests/gpu/wheels.txt
