# A thin layer: tools/run.py does the work, so that it also works without make. `make` alone lists the commands.
# No absolute path appears here, and make never sees one: it cannot handle folder names with spaces.
PYTHON ?= python3
ARGS ?=

.PHONY: help lab test notebooks bench foreign lock clean setup
help lab test notebooks bench foreign lock clean setup:
	@$(PYTHON) tools/run.py $@ $(ARGS)
