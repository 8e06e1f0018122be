-- SPDX-License-Identifier: Apache-2.0
--- What is said of each option and of each topic, by name. The first sentence of an option is what
-- the first screen of `--help` and the shells show. Words in capitals are shown as such.

local words = {}

words.status = [[Exit status: CMD's own; 125: tiexec failed, 126: CMD cannot be executed,
    127: it was not found.]]

words.options = {
    strategy = [[how to round: aggressive, conservative, hot, none. aggressive is the default. It
        may be a Lua file; FILE.lua:KEY=VALUE,KEY=VALUE gives it parameters.]],
    ["max-pages"] = [[no more than N huge pages, for hot. It takes the N hottest, by what --record
        has found, or by --recording FILE.]],
    recording = "the recording that hot reads. Without it hot looks for one by the build-id.",
    ["no-align"] = [[leave CMD where it is. Else it is moved, before it has run, to where its file's
        pages can be huge.]],
    sources = "where huge pages come from: file,shared,thp,hugetlb. They are tried in this order.",
    ["page-size"] = "pages of another size, such as 64K, 2M or 1G. thp and hugetlb may have them.",
    recache = [[whether file may read small cached pages again. if-unmapped (default) drops those
        that no process maps, and reads them again as huge ones; never leaves all as they are.]],
    cache = [[list, prune or clear the copies of shared. prune removes those of programs that are
        gone; clear also what is kept of earlier starts.]],
    profile = "settings for this program. FILE stands in place of those in profiles.d.",
    ["dry-run"] = "show the plan; CMD does not run. There is a reason for each mapping.",
    verbose = "show a table of the pages before and after. It comes on standard error.",
    report = "write the same as JSON lines. They are added to FILE.",
    user = "run CMD as USER[:GROUP]. tiexec keeps the rights that it has until its work is done.",
    login = "set HOME, USER and LOGNAME, too. It goes with --user.",
    strict = [[if anything fails, do not start CMD. The exit status is 125 then. Scripts and
        launchers are traced up to the program that is meant. Without it CMD runs as it is, and one
        line says what has failed.]],
    require = [[if less of the text is huge, do not start CMD. The exit status is 125 then; that of
        --inspect and --attach is 1.]],
    quiet = "say nothing of a program that runs all the same.",
    ["perf-map"] = "name the functions of private copies. perf finds them in /tmp/perf-PID.map.",
    debug = "show inner workings. LIST has some of maps,plan,syscalls,timing.",
    follow = [[go on after the start: auto, exec, fork, all, none. auto[:SECONDS], the default,
        puts what CMD becomes, starts and loads on huge pages, too, and traces nobody. Traced:
        exec (from scripts, to what they become), fork (and what they start), all or trace
        (whatever any program becomes or starts). dlopen: libraries that are loaded later; none:
        nothing after the start.]],
    attach = [[do it to a process that runs; --undo takes it back. Several may be named, as by
        $(pidof NAME).]],
    undo = "put the files' own pages back. What --attach has done is taken back.",
    inspect = [[show what text of processes is huge, and why not. Of one PID a table; of several,
        of -p NAME or of all a line for each; of -- CMD one that is started for it.]],
    process = "the processes of that name. It goes with --inspect.",
    json = "write JSON. It goes with --inspect, --top, --check, --warm, --compare and --record.",
    format = "write a table, json, or prometheus. It goes with --inspect.",
    svg = "draw a picture. It goes with --inspect and --record.",
    check = "show whether this host is ready. It says what to change, also for one CMD.",
    probe = "measure what huge pages gain here. It goes with --check.",
    profiles = "show what is wrong with the profiles. With CMD it shows which one CMD gets, too.",
    compare = [[measure what it gains. CMD is run without tiexec and with it, in random order; SETS
        are compared side by side, as in default,thp,none+NAME=VALUE. With --attach PID it is
        switched on and off in a process that runs.]],
    seconds = "how long to compare. By default 20, and 60 with --attach.",
    metric = [[a command that prints a number. Of queries, say, or a latency; it goes with
        --compare --attach.]],
    ["keep-best"] = "leave the process as was better. It goes with --compare --attach.",
    record = [[find out which code is hot. Of CMD, or of --attach PID, for the strategy hot;
        --report FILE shows a recording, or the output of perf script or pprof -raw. =tlb models
        what instruction TLBs miss of CMD, by qemu-user.]],
    output = "where the recording goes. By default it is ~/.config/tiexec/recordings.",
    gdb = [[have gdb debug CMD. From its entry point on, or --attach PID. WHERE is a PORT (target
        remote :PORT), HOST:PORT, a socket's path, or - for: target remote | tiexec --gdb - CMD.]],
    script = [[run a Lua script. It has the harness as tiexec. With -i in place of FILE there is a
        prompt, with CMD or --attach PID at hand as inferior.]],
    top = "show the text of all processes, live. q ends it; without a terminal it shows one table.",
    warm = [[get programs onto huge pages of the page cache. What they need, too, ahead of any
        start, and without starting them; with --profiles those that profiles name.]],
    keep = "hold what was made huge, until a signal. It goes with --warm.",
    service = [[attach to programs of this host as they start. Those whose profile says service =
        true; SIGHUP has profiles read again.]],
    metrics = "write counts for Prometheus. It goes with --service.",
    ["by-proc"] = "look at /proc each second. It goes with --service, in place of perf events.",
    unit = "have systemd start a unit by tiexec. It writes a drop-in, and tells systemd of it.",
    remove = "take that back. It goes with --unit.",
    help = "show this help, or that of a TOPIC. --help=all shows all of it.",
    version = "show the version.",
}

--- The settings that are no options: name, what the value is, who may have it, text.
words.settings = {
    { name = "align", argument = "1|0", at = "profile", text = [[whether CMD may be moved to where
        its file's pages can be huge. 0 is --no-align.]] },
    { name = "parameters", argument = "TABLE", at = "profile", text = [[the parameters of the
        strategy beside it, by name. Only a profile has it: elsewhere they follow the strategy's
        name.]] },
    { name = "service", argument = "true|sandboxed", at = "profile", text = [[whether --service
        attaches to the program as it starts: true, or "sandboxed", with a seccomp filter, too.]] },
}

--- The topics in order: name, title, usage lines, what else there is to say.
words.topics = {
    { name = "start", title = "Starting a program",
        usage = { "tiexec [OPTION]... [--] CMD [ARG]..." },
        more = [[The process is CMD's own from the start: its pid, parent, terminal, signals, open
            files and exit status are those that it has without tiexec. Whatever fails, CMD runs
            as it is. In a line of a script, -- keeps CMD's name from being taken for an
            option.]] },
    { name = "strategy", title = "How far to round", usage = { "tiexec -s NAME CMD..." },
        more = [[aggressive rounds outward to whole huge pages, over gaps and read-only neighbours
            of the same object; conservative takes the whole huge pages inside each text; hot
            those that a recording has found hot; none does nothing. Others are looked for in
            ~/.config/tiexec/strategies and /etc/tiexec/strategies: tiexec-strategy(5).]] },
    { name = "sources", title = "Where huge pages come from",
        usage = { "tiexec --sources LIST CMD...", "tiexec --cache list|prune|clear" },
        more = [[file: the file itself, in huge pages of the page cache; it takes no memory, and
            needs ext4 (Linux 6.16), xfs or btrfs. shared: one copy for all processes, in a file
            on tmpfs. thp: a private copy in transparent huge pages. hugetlb: a private copy in
            pages of the pool that vm.nr_hugepages reserves. They are tried in this order for each
            range; what smaps says afterwards counts.]] },
    { name = "follow", title = "What a program starts, becomes and loads",
        usage = { "tiexec --follow=all make", "tiexec --follow=none ./server" },
        more = [[With auto and dlopen tiexec stays, asleep, and traces nobody: gdb, strace and
            set-id programs work as without it. auto needs perf events (kernel.perf_event_paranoid
            at most 2; where there are none, what CMD becomes stays as it is), and ends with the
            family, or when nobody has gained anything for 10 seconds.]] },
    { name = "attach", title = "Processes that run already",
        usage = { "tiexec --attach PID...", "tiexec --undo PID..." },
        more = [[All threads stop for some milliseconds. A system call that waits may return in
            part or begin anew, as after SIGSTOP and SIGCONT.]] },
    { name = "inspect", title = "What is huge",
        usage = { "tiexec --inspect PID...|all", "tiexec --inspect -p NAME",
            "tiexec --inspect -- CMD...", "tiexec --top" } },
    { name = "check", title = "Is this host ready?",
        usage = { "tiexec --check [--probe] [CMD]", "tiexec --profiles [CMD]" } },
    { name = "compare", title = "What does it gain?",
        usage = { "tiexec --compare[=SETS] [OPTION]... CMD...", "tiexec --compare --attach PID" } },
    { name = "record", title = "Which code is hot?",
        usage = { "tiexec --record[=SECONDS] CMD...", "tiexec --record --attach PID",
            "tiexec --record --report FILE", "tiexec --record=tlb[:N] CMD..." },
        more = [[=tlb traces 100 million instructions, behind the first N million of them, 200 by
            default, and tells what the TLBs of three CPUs would miss of that on small pages, and
            as tiexec would start CMD. That is a model, for hosts without counters.]] },
    { name = "script", title = "Scripts, the prompt and gdb",
        usage = { "tiexec --script FILE [ARG]...", "tiexec --script -i [CMD...|--attach PID]",
            "tiexec --gdb PORT|- CMD...", "tiexec --gdb PORT|- --attach PID" },
        more = "The functions of the harness are in tiexec(3lua)." },
    { name = "settings", title = "Settings beside the command line", options = {},
        usage = { "TIEXEC=strategy=conservative,sources=thp+hugetlb,verbose tiexec CMD..." },
        more = [[The environment variable TIEXEC sets what the long options set, by their names:
            NAME=VALUE with commas between them; where a value is itself a list, plus signs
            separate its words. Profiles in ~/.config/tiexec/profiles.d and
            /etc/tiexec/profiles.d set it for single programs: tiexec-profile(5). An option takes
            precedence over TIEXEC, TIEXEC over a profile, a profile over /etc/tiexec/tiexec.conf,
            which has the same names in lines of NAME = VALUE, and that over the defaults.]] },
    { name = "warm", title = "The page cache, ahead of any start",
        usage = { "tiexec --warm FILE...", "tiexec --warm --profiles" },
        more = [[Each file is read once. Starts without tiexec have what is huge then, where a
            program lies so that the file's pages can be huge.]] },
    { name = "service", title = "A whole host",
        usage = { "tiexec --service [--metrics FILE] [--by-proc]" },
        more = [[It is for systemd: no unit of what it attaches to has to be changed. Who is traced,
            sandboxed by seccomp or set-id is left alone; service = "sandboxed" in a profile takes
            in those with a seccomp filter.]] },
    { name = "unit", title = "A service of systemd",
        usage = { "tiexec --unit NAME", "tiexec --unit NAME --remove" },
        more = [[The drop-in is NAME.service.d/tiexec.conf in /etc/systemd/system, made of the
            unit's own ExecStart. Called again it says whether the package has changed that
            since, and follows. The unit is restarted by nobody but you.]] },
    { name = "help", title = "Help", usage = { "tiexec --help[=TOPIC]", "tiexec --version" } },
}

return words
