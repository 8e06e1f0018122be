-- SPDX-License-Identifier: Apache-2.0
-- By which tests the sentences of README are checked that tell what is followed, told or counted. Each has a list of
-- "FOLDER/NAME: WORDS", where WORDS name a test of FOLDER/NAME_spec.lua; or "docs/NAME.md: WORDS", of figures, which
-- stand there; or "make TARGET", which takes long. A text in place of a list says why a sentence promises nothing.

local NO_RUN <const> = "make test-roots"
local FIGURES <const> = "dist/docs: has the figures of the documents that it names"
local INSPECT <const> = "program/inspect: as smaps says, with a reason for each text and what to do"
local MAPPINGS <const> = "program/options: CMD does not run, exit status 0, a reason for each executable mapping"
local RECORD <const> = "program/record: finds where a program computes, and ends as the program does"
local WATCHED <const> = "program/watcher: what a script becomes is remapped where nobody has asked for anything"

return {
    -- ---- followed ----
    ["tiexec CMD… starts a program so that its machine code runs from 2 MiB pages instead of 4 KiB pages."] = {
        "program/report: agrees with smaps: ", "real/coverage: , by the file itself" },
    ["No rebuild, no relink, no preload, no root; then it gets out of the way."] = {
        "program/topology: no file open at all, and much said by tiexec",
        "program/shared: is for a user without rights",
        "program/signals: one SIGCHLD, from the program, and no child is left",
        "program/signals: no tiexec is left" },
    ["The process that you started is the program: same pid, parent, terminal, signals, open files and exit "
        .. "status."] = {
        "program/topology: no file open at all, and much said by tiexec", "program/signals: exit status ",
        "program/terminal: it is in the foreground, and reads what is typed" },
    ["Nobody traces the program once tiexec has done its work, some milliseconds after the start."] = { WATCHED,
        "program/watcher: strace and gdb work as ever, on what they start and on what runs" },
    ["What is left is a process that sleeps: it puts the code of what the program becomes, starts and loads "
        .. "later on huge pages, too."] = { WATCHED,
        "program/watcher: what a script starts is remapped",
        "program/watcher: libraries are remapped, at once and later, each time that they are loaded" },
    ["It ends with the program and what that has started, or some seconds after the last gain."] = {
        "program/watcher: one that has not is watched until it ends, and then nothing is left",
        "program/watcher: a program that has gained is watched for as long as was asked for" },
    ["Where nothing can come of the program, and with --follow=none, there is no such process."] = {
        "program/watcher: what gains nothing, and starts nothing, has no watcher",
        "program/dlopen: stays as it is with --follow=none" },
    ["| systemd | as root tiexec --unit prometheus, then systemctl restart prometheus |"] = {
        "dist/units: has systemd start a unit by tiexec, notices a changed unit, and takes it back" },
    ["tiexec --unit prometheus --remove # systemd starts it plainly again"] = {
        "dist/units: has systemd start a unit by tiexec, notices a changed unit, and takes it back" },
    ["| a whole host | a profile and systemctl enable --now tiexec: programs get it as they start, their "
        .. "units unchanged |"] = {
        "program/services: a service for the whole host: unchanged units get huge text; it is reloaded, killed, "
        .. "and comes back" },
    ["| JVM | tiexec java -jar app.jar: libjvm.so, which java loads later, gets huge pages, too |"] = {
        "real/watcher:  has nearly all of libjvm on huge pages" },
    ["| node, npm | tiexec node app.js, tiexec npm start |"] = { "real/watcher: npm script has node on huge pages" },
    ["| compilers, CI | tiexec --follow=all make; short runs may lose: measure |"] = {
        "program/follow_fork: remaps whatever comes of a program, at any depth" },
    ["| Python | tiexec python3 app.py: modules in C, which are loaded later, get them, too |"] = {
        "program/watcher: libraries are remapped, at once and later, each time that they are loaded" },
    ["It waits for the program that is meant, through scripts and launchers."] = {
        "program/strict: fails with the program that scripts and launchers become, before it runs",
        "program/strict: has such programs on huge pages before they run, and leaves them" },
    ["Huge pages of file stay in the page cache, and serve plain starts, too, until the kernel drops them "
        .. "or the file is replaced."] = { "dist/units: --warm: what profiles name by a path has huge text when "
        .. "it is started plainly" },

    -- ---- told ----
    ["What a start says, if it is asked to:"] = {
        "program/watcher: the table of -v is shown for each, and the report has it" },
    ["tiexec -v node app.js # with a table of before and after"] = {
        "program/watcher: the table of -v is shown for each, and the report has it",
        "program/report: agrees with smaps: " },
    ["tiexec -n clang-14 x.c # the plan only, with a reason for each mapping that stays"] = { MAPPINGS },
    ["tiexec --check node # is this host ready, and what would make more of it work?"] = {
        "program/check: THP never, and the command that changes it",
        "program/check: what works is what works: each source, on a real program" },
    ["tiexec --inspect all # which text of all processes is huge"] = {
        "program/inspect_outputs: has a line for each, by id, by name, or of all" },
    ["So measure it where it is to run: tiexec --compare CMD says what it gains, with bounds, also where "
        .. "that is nothing."] = { "program/compare: finds a slow-down",
        "unit/compare_statistics: is the narrowest of those that the order of the values gives",
        "unit/compare_statistics: takes changes that are too small to matter for none, and still shows the "
        .. "interval" },
    ["tiexec --compare ./job --quick # without tiexec and with it, in random order, with 95 % intervals"] = {
        "program/compare: runs each way in each round, and shows what was measured",
        "unit/compare_statistics: is the narrowest of those that the order of the values gives" },
    ["tiexec --compare --attach PID switches it on and off in a server that runs: docs/EVIDENCE.md."] = {
        "program/compare_live: finds a slow-down of one state, and leaves the process as it was" },
    ["tiexec --check --probe # what huge pages gain on this CPU at all"] = {
        "program/check: a measurement, with --probe, that ends in a verdict" },
    ["tiexec --record CMD shows how many pages the hot code takes."] = { RECORD,
        "program/record: shows a recording: in tables, as JSON, and as a picture" },
    ["hot: only the huge pages that tiexec --record CMD has found hot, the hottest first; --max-pages N: no "
        .. "more than N."]
        = { "program/hot: makes huge what the recording names, by the build-id",
        "program/hot: is told how many pages there may be, or refuses" },
    ["No huge pages, ptrace forbidden, seccomp, an odd ELF file, a bad strategy: the program runs as it is, "
        .. "and one line says why."] = { "program/fail_open: by gdb: CMD runs, one line tells why",
        "program/services: a filter of system calls without ptrace: CMD runs plainly, and one line tells",
        "program/telling: kills no program that tiexec starts" },
    ["--strict makes that exit status 125 instead, before main."] = { "program/options: strict is in force",
        "program/fail_open: by gdb, --strict: CMD does not start" },
    ["It explains itself."] = { "program/json: are all in use, and no others",
        "program/report: gives a reason for each mapping that stays" },
    ["--dry-run, --verbose and --report FILE (JSON lines) account for every executable mapping: huge or why not."] = {
        MAPPINGS, "program/report: agrees with smaps: ",
        "program/report: gives a reason for each mapping that stays" },
    ["Of a script or a launcher (npm, env), which gains nothing itself, one line says that what it becomes "
        .. "is watched."]
        = { "program/telling: a script what runs it, and that it is watched",
        "program/telling: a launcher what it runs, where that is certain" },
    ["Where nobody can watch that, one line says why."] = {
        "program/telling: what cannot be watched why, whatever it is, unless nothing comes of it",
        "program/telling: what an ordinary user may not watch how that is allowed" },
    ["--quiet leaves such lines out."] = {
        "program/telling: is on standard error alone, and is not said with -q or TIEXEC=quiet" },
    ["--inspect PID does so for any process, as a table, JSON or a picture, and --check for the host: see "
        .. "docs/INSPECT.md."] = { INSPECT,
        "program/json: --inspect",
        "program/inspect_outputs: is a picture with each huge page, by name and address",
        "program/check: kernel, page sizes, modes and pools" },
    ["Where anything writable or foreign is in the way, that end is rounded inward, and -v names it."] = {
        "unit/planner: outward falls back at the end where something is in the way, and names it" },
    ["If a setting is given in several places, the first of these counts: options, the environment variable "
        .. "TIEXEC (TIEXEC=strategy=conservative,sources=thp+hugetlb,verbose), a profile, "
        .. "/etc/tiexec/tiexec.conf, the defaults."]
        = { "program/profile: command line before TIEXEC", "program/profile: TIEXEC before profile",
        "program/profile: profile before default", "program/profile: for each setting by itself" },

    -- ---- counted ----
    ["The picture is what make demo ends with."] = { "dist/docs: has a picture on top, of the figures beside it",
        "unit/picture: has a square for each place of a huge page, and the figures" },
    ["make demo # a minute: prometheus with its pages counted, and what promtool gains"] = { NO_RUN },
    ["Its pages are counted from outside, in /proc/PID/smaps, without tiexec and by each source of huge pages."] = {
        NO_RUN },
    ["Measured so far, on one virtual machine without hardware counters (make bench measures more, on any "
        .. "machine, with pictures: BENCHMARKS):"] = { FIGURES,
        "unit/bench: does not measure again what is there, and writes the page of it, with pictures for light "
        .. "and dark" },
    ["| measured | figures | where |"] = { FIGURES },
    ["| text of node, prometheus, mariadbd, cc1plus on huge pages | 100.0 % | COVERAGE |"] = { FIGURES,
        "real/coverage: , by the file itself" },
    ["| text of git, the least of all | 73.7 % | COVERAGE |"] = { FIGURES },
    ["| clang -fsyntax-only with huge pages in the page cache, CPU time | −34.0 % (−39.5 to −31.6) | EVIDENCE |"] = {
        FIGURES },
    ["| the same, started by tiexec each time | no measurable change (−8.4 to −0.3) | EVIDENCE |"] = { FIGURES },
    ["| clang --version started by tiexec: it lives for milliseconds | +20.9 % (+15.2 to +24.7) | EVIDENCE |"] = {
        FIGURES },
    ["| node -e 0 | no measurable change (−8.0 to +11.9) | EVIDENCE |"] = { FIGURES },
    ["| a server on node, attached to | no measurable change | EVIDENCE |"] = {
        "docs/EVIDENCE.md: no measurable change" },
    ["| memory of 20 processes by file or shared, beside plain | 1.000 | COST |"] = { FIGURES,
        "program/shared: shares one copy among processes: each pays its part" },
    ["| the same by thp or hugetlb | 20.000 | COST |"] = { FIGURES },
    ["Not: programs of a few hundred KiB of code (they are started at once, 0.26 ms later than by "
        .. "themselves), code that is made at run time (the JIT of Java or node: only the machine's own code "
        .. "gains), interpreters whose time goes into data."] = { "docs/COST.md: Of the 0.26 ms",
        "program/counts: few system calls, all before the C library" },
    ["Short programs pay 2 to 5 ms at each start: git --version takes 4.1 ms in place of 2.0 (COST)."] = {
        "docs/COST.md: adds two to four milliseconds, and another one four to five",
        "docs/COST.md: 4.1 now (2.0 by itself)",
        "program/replay: takes the steps that were kept of it",
        "program/counts: no more system calls than it did, as does an attach" },
    ["tiexec --cache clear # the copies of shared, and what is kept of starts"] = {
        "program/shared: clear removes all, and those who use a copy keep it",
        "program/replay: are not kept of a file that was changed just now, nor with settings" },
    ["Whether it has worked is a question for the kernel, not for tiexec: tiexec --inspect PID shows "
        .. "/proc/PID/smaps of any process, with a reason for what is small, and --require 90 makes less than "
        .. "90 % an error."] = { INSPECT,
        "program/inspect_outputs: tells by the exit status whether enough is huge",
        "program/fail_open: of more than is huge: CMD does not start, one line tells" },

    ["On arm64 thp and hugetlb have smaller pages, too, if these are switched on or reserved: of 2 MiB "
        .. "where the kernel's huge pages are of 32 or 512 MiB, and of 64 KiB elsewhere (Pages of other sizes); "
        .. "--page-size asks for a size."]
        = { "program/page_size: text is on them, by thp, as the page tables have it",
        "program/page_size: is on the smaller ones, where they are to be had" },

    -- ---- neither ----
    ["A program with tens of MiB of code has thousands of pages of 4 KiB, or a dozen of 2 MiB."] = "it is arithmetic",
    ["What fewer TLB misses alone are worth to a program that runs for long has not been measured here."] =
        "it says what is not known",
    ["perf stat -e iTLB-load-misses CMD # where the host has counters"] = "it is perf's",
}
