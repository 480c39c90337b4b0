"""A real MySQL server, for the tests that are to meet one. Debian has it in sid alone, so its packages are unpacked into a folder
of their own, with all libraries that they need, down to libc and its loader."""
