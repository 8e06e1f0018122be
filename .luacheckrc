std = "lua54"
max_line_length = 100
-- to-be-closed variables are used by being closed
ignore = { "211/undo", "211/breakpoint", "211/pool", "211/mode", "211/_.*" }
files["scripts/tiexec/cli.lua"] = { globals = { "arg", "tiexec" } }
files["scripts/examples"] = { read_globals = { "tiexec" } }
files["tests"] = { max_line_length = 120, std = "+busted", read_globals = { "tiexec" } }
-- Scripts of wrk, which calls their global functions.
files["tests/real/tasks"] = { std = "luajit", globals = { "wrk", "setup", "init", "request", "response", "done", "count",
    "right", "wrong" } }
