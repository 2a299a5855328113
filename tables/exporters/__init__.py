"""One module per group of shipped tables; each has `export(folder, packages)`."""
