# A thin layer: tools/run.py does the work, so that it also works without make. `make` alone lists the commands.
# No absolute path appears here, and make never sees one: it cannot handle folder names with spaces.
PYTHON ?= python3
ARGS ?=
N ?= 10

.PHONY: help lab test notebooks bench foreign browser soak matrix site lock clean setup
help lab test notebooks bench foreign browser matrix site lock clean setup:
	@$(PYTHON) tools/run.py $@ $(ARGS)

soak:
	@$(PYTHON) tools/run.py soak $(N) $(ARGS)
