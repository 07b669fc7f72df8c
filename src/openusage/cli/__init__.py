"""The command line: the only room that builds, prints and exits. One module a command, loaded when called."""
