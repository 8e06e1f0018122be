-- SPDX-License-Identifier: Apache-2.0
--- What is said of a program that had nothing to gain by itself: what it is, and what is done about
-- what it becomes, starts and loads. Where tiexec needs no Lua to start it, core/front/later.c says
-- the same.

local core = require "tiexec.core"

local telling = {}

-- The kinds of programs that do what their command line names, and have nothing else to do.
local go_betweens <const> = { shell = true, launcher = true }

-- The words that a process was started with.
local function arguments_of(pid, exe)
    local words = {}
    for word in (core.read_file(("/proc/%d/cmdline"):format(pid)) or ""):gmatch("([^\0]*)\0") do
        words[#words + 1] = word
    end
    return words[1] and words or { exe }
end

-- What the program of a process is, by its own name: a script's interpreter is what it is.
local function kind_of(pid)
    local exe = core.readlink(("/proc/%d/exe"):format(pid))
    if not exe then return "program", "" end
    return core.start_kind(exe, arguments_of(pid, exe))
end

--- Whether a process runs a program that only becomes, or starts, another one.
-- @int pid
-- @treturn boolean
function telling.is_go_between(pid) return go_betweens[kind_of(pid)] or false end

--- Whether a process runs a dynamic linker, which was asked to map a program.
-- @int pid
-- @treturn boolean
function telling.is_linker(pid) return kind_of(pid) == "linker" end

--- Whether a process runs tiexec itself.
-- @int pid
-- @treturn boolean
function telling.is_itself(pid)
    local its, own = core.stat(("/proc/%d/exe"):format(pid)), core.stat("/proc/self/exe")
    return its and own and its.inode == own.inode and its.device == own.device or false
end

--- Whether a process runs a program that traces others: a debugger, strace, tiexec itself. Such a
-- program could not trace the processes that it starts if these were traced already.
-- @int pid
-- @treturn boolean
function telling.is_tracer(pid)
    return core.imports(("/proc/%d/exe"):format(pid), "ptrace") or telling.is_itself(pid)
end

--- Whether a program may become, start or load something, as far as that is seen in its file.
-- @int pid of a process that runs it
-- @treturn boolean
function telling.may_change(pid)
    local may_gain, may_change = core.may_gain(("/proc/%d/exe"):format(pid))
    return may_gain or may_change
end

-- What is done about what comes of a program, and what is to be said of that; nil: nothing.
local function care_of(run, follow)
    if follow.none then return "unwatched", "--follow=auto watches it" end
    local pid = run.inferior:pid()
    if follow.meant and telling.is_go_between(pid) then return "traced" end
    if not run.unwatched then return "watched" end
    if not telling.may_change(pid) then return nil end
    return "unwatched", run.unwatched .. require "tiexec.watch.permission".advice()
end

-- Whether there is a line for a program of a kind: for one that runs others in its place; where
-- nobody looks after what comes of it; and if it is asked for.
local function is_told(run, kind, care)
    local is_other = kind == "program" or kind == "shell"
    return run:choose_settings().verbose or not is_other or care == "unwatched"
end

--- Says what is done about a program that had nothing to gain, if it runs others in its place, or
-- if nobody looks after those, and always with `--verbose`. Whoever has said what is to be followed
-- need not be told without that.
-- @tparam Run run
function telling.tell(run)
    local follow, verbose = run:follow_settings(), run:choose_settings().verbose or false
    if run.has_complained or run.unwatched and run:choose_settings().follow then return end
    if not follow.auto and not verbose then return end
    local pid = run.inferior:pid()
    local exe = core.readlink(("/proc/%d/exe"):format(pid))
    if not exe then return end
    local kind, runs = core.start_kind(core.find(run.name) or exe, arguments_of(pid, exe))
    local care, why = care_of(run, follow)
    if care and is_told(run, kind, care) then
        run:say(core.start_line(kind, runs, care, why))
    end
end

return telling
