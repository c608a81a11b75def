"""The exercises, one module a lesson, each with a tuple called EXERCISES."""
