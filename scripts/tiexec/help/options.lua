-- SPDX-License-Identifier: Apache-2.0
--- The options of the command line. All that tells of them is made from this list and from
-- help/words.lua: `--help`, the manual page tiexec(1), and what bash, zsh and fish complete.
--
-- `name`, `short`, `argument`, `optional` and `last` are as core.getopt takes them; what follows an
-- option with `last` is no option. `topic` is the page of help that has the option. `setting` says
-- that the option is a setting: one that a profile may have, or "TIEXEC": one that it may not.
-- For completion `words` has the values that there are, `list` says that several may follow each
-- other with commas between them, and `kind` names what else the value is: a file, user or pid, a
-- program that runs (process), or a command.

return {
    { name = "strategy", short = "s", argument = "NAME", topic = "strategy", setting = "profile",
        kind = "file", words = { "aggressive", "conservative", "hot", "none" } },
    { name = "max-pages", argument = "N", topic = "strategy", setting = "profile" },
    { name = "recording", argument = "FILE", topic = "strategy", setting = "profile",
        kind = "file" },
    { name = "no-align", topic = "strategy" },
    { name = "sources", argument = "LIST", topic = "sources", setting = "profile", list = true,
        words = { "file", "shared", "thp", "hugetlb" } },
    { name = "page-size", argument = "SIZE", topic = "sources", setting = "profile",
        words = { "64K", "2M", "1G" } },
    { name = "recache", argument = "WHEN", topic = "sources", setting = "profile",
        words = { "if-unmapped", "never" } },
    { name = "cache", argument = "ACTION", topic = "sources",
        words = { "list", "prune", "clear" } },
    { name = "profile", argument = "FILE", topic = "start", setting = "TIEXEC", kind = "file" },
    { name = "dry-run", short = "n", topic = "start", setting = "TIEXEC" },
    { name = "verbose", short = "v", topic = "start", setting = "profile" },
    { name = "report", argument = "FILE", topic = "start", setting = "TIEXEC", kind = "file" },
    { name = "user", short = "u", argument = "USER", topic = "start", kind = "user" },
    { name = "login", topic = "start" },
    { name = "strict", topic = "start", setting = "profile" },
    { name = "perf-map", topic = "start", setting = "profile" },
    { name = "debug", argument = "LIST", topic = "start", setting = "profile", list = true,
        words = { "maps", "plan", "syscalls", "timing" } },
    { name = "follow", short = "f", argument = "LIST", topic = "follow", setting = "profile",
        list = true, words = { "auto", "exec", "fork", "all", "trace", "dlopen", "none" } },
    { name = "attach", short = "a", argument = "PID", optional = true, topic = "attach",
        kind = "pid" },
    { name = "undo", argument = "PID", optional = true, topic = "attach", kind = "pid" },
    { name = "inspect", argument = "PID", optional = true, topic = "inspect", kind = "pid",
        words = { "all" } },
    { name = "process", short = "p", argument = "NAME", topic = "inspect", kind = "process" },
    { name = "json", topic = "inspect" },
    { name = "svg", argument = "FILE", topic = "inspect", kind = "file" },
    { name = "check", topic = "check" },
    { name = "probe", topic = "check" },
    { name = "profiles", topic = "check" },
    { name = "compare", argument = "SETS", optional = true, topic = "compare", list = true,
        words = { "default", "file", "shared", "thp", "hugetlb", "conservative", "hot", "none",
            "without" } },
    { name = "seconds", argument = "S", topic = "compare" },
    { name = "metric", argument = "COMMAND", topic = "compare", kind = "command" },
    { name = "keep-best", topic = "compare" },
    { name = "record", argument = "SECONDS", optional = true, topic = "record" },
    { name = "output", short = "o", argument = "FILE", topic = "record", kind = "file" },
    { name = "gdb", argument = "WHERE", topic = "script" },
    { name = "script", argument = "FILE", last = true, topic = "script", kind = "file",
        words = { "-i" } },
    { name = "unit", argument = "NAME", topic = "unit" },
    { name = "remove", topic = "unit" },
    { name = "help", short = "h", argument = "TOPIC", optional = true, topic = "help",
        words = { "start", "strategy", "sources", "follow", "attach", "inspect", "check",
            "compare", "record", "script", "settings", "unit", "all" } },
    { name = "version", short = "V", topic = "help" },
}
