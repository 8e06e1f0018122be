-- SPDX-License-Identifier: Apache-2.0
--- Seccomp filters. A target's filters judge remote system calls as if they were the program's
-- own, and may kill the target for one. The tracer has inherited the filters of its caller,
-- which may kill the tracer in the same way.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local status = require "tiexec.harness.status"

local c = core.constants
local seccomp = {}

local TRIAL_MS <const> = 2000

-- The tracer's system calls that a filter may kill it for. A target ends when its tracer does.
local tracer_calls = { "ptrace", "process_vm_readv", "process_vm_writev", "pread64", "pwrite64",
    "wait4", "waitid", "getdents64", "close_range", "setsid", "prlimit64" }

-- Makes the system calls that a target is made to execute, with the arguments that filters look at.
-- MAP_HUGETLB is not among them: the executor tries out the sources themselves.
local function try_target_calls()
    local size <const>, RW, RX = 4096, c.PROT_READ | c.PROT_WRITE, c.PROT_READ | c.PROT_EXEC
    local base = core.syscall("mmap", 0, size, RW, c.MAP_PRIVATE | c.MAP_ANONYMOUS, -1, 0) or 0
    for _, advice in ipairs { c.MADV_HUGEPAGE, c.MADV_POPULATE_READ, c.MADV_COLLAPSE,
        c.MADV_DONTNEED } do
        core.syscall("madvise", base, size, advice)
    end
    core.syscall("mprotect", base, size, RX)
    core.syscall("mmap", 0, size, RX, c.MAP_PRIVATE, -1, 0)
    core.syscall("mremap", base, size, size, c.MREMAP_MAYMOVE | c.MREMAP_FIXED, base)
    core.syscall("munmap", base, size)
    core.syscall("prctl", c.PR_SET_MM, c.PR_SET_MM_MAP, 0, 0, 0)
    for _, name in ipairs { "openat", "close", "fsync", "fadvise64" } do
        core.syscall(name, -1, 0, 0, 0)
    end
end

--- Says why the filters of this process forbid to trace a target. The calls are tried in a forked
-- copy. Filters judge a call before the kernel looks at its arguments, which are such here that the
-- calls have no effect.
-- @tparam ?string text this process's `status.read`
-- @treturn ?string nil: they allow it
function seccomp.forbids_tracing(text)
    if status.field(text, "Seccomp") == 0 then return nil end -- nil: it is not known
    local ok, why = core.trial(function()
        for _, name in ipairs(tracer_calls) do core.syscall(name, -1, 0, 0, 0, 0, 0) end
        try_target_calls()
    end, TRIAL_MS)
    if not ok then
        return codes.words("seccomp", why)
    end
end

-- ---- the gate -----------------------------------------------------------------------------------

-- The inferiors that were launched by this process, or are descended from such: they have inherited
-- its filters, and may have added some.
local heirs = setmetatable({}, { __mode = "k" })

-- What was found of an inferior since it last ran.
local verdicts = setmetatable({}, { __mode = "k" })

--- Notes that an inferior has inherited the filters of this process.
-- @tparam Inferior inferior
function seccomp.note_heir(inferior) heirs[inferior] = true end

--- Tells whether that was noted.
-- @tparam Inferior inferior
-- @treturn boolean
function seccomp.is_heir(inferior) return heirs[inferior] or false end

--- Notes that an inferior may have run, and so may have other filters than before.
-- @tparam Inferior inferior
function seccomp.forget(inferior) verdicts[inferior] = nil end

-- How many filters this process has had an inferior install: they allow all its remote calls.
local own = setmetatable({}, { __mode = "k" })

--- Notes that an inferior has installed a filter of this process's making.
-- @tparam Inferior inferior
function seccomp.note_filter(inferior)
    own[inferior] = (own[inferior] or 0) + 1
    verdicts[inferior] = nil
end

--- Notes that a child has inherited such filters.
-- @tparam Inferior parent
-- @tparam Inferior child
function seccomp.inherit_filters(parent, child) own[child] = own[parent] end

-- Gives the `mode` of a thread (0: none, 1: strict, 2: filters), and how many `filters` it has. A
-- field that the kernel does not tell of is nil. `id` is its thread id, or "thread-self".
local function state_of(id)
    local text, why = status.read(id)
    if not text then return nil, why end
    return { mode = status.field(text, "Seccomp"), filters = status.field(text, "Seccomp_filters") }
end

local NONE <const>, STRICT <const> = 0, 1

-- Says why it is not known what filters allow, if this process may not read them; nil: they are
-- those of this process. Equal numbers of filters are equal filters only if one process has
-- inherited them from the other, since a filter cannot be removed.
local function why_unknown(theirs, ours, is_heir)
    if not theirs.filters then
        return codes.words("seccomp-uncounted")
    end
    if not is_heir then return codes.words("seccomp-unknown") end
    if theirs.filters ~= ours.filters then
        return codes.words("seccomp-installed")
    end
end

-- Judges the thread that would make the calls.
local function judge(inferior)
    local thread = inferior:threads()[1]
    if not thread then return {} end -- it is gone: the call itself will tell
    local theirs, unknown = state_of(thread)
    if not theirs then return { refusal = codes.words("seccomp-untold", unknown) } end
    local mode = theirs.mode
    if mode == NONE then return {} end
    local ours = state_of "thread-self" or {}
    if not mode and ours.mode then return { refusal = codes.words("seccomp-unknown") } end
    if not mode then return {} end
    if mode == STRICT then return { refusal = codes.words("seccomp-strict") } end
    local installed = own[inferior]
    local before = theirs.filters and theirs.filters - (installed or 0)
    if before == 0 then return {} end
    local why = why_unknown({ filters = before }, ours, heirs[inferior])
    if why then return require "tiexec.harness.filters".judge(inferior, why, installed ~= nil) end
    return { is_inherited = true }
end

local function verdict_on(inferior)
    verdicts[inferior] = verdicts[inferior] or judge(inferior)
    return verdicts[inferior]
end

--- Says why an inferior must not be made to execute system calls: seccomp might kill it for one.
-- What is not known counts as such a reason. There may be reasons against single calls besides.
-- @tparam Inferior inferior stopped
-- @treturn ?string nil: it may be, if this process may execute the same ones
function seccomp.refusal(inferior) return verdict_on(inferior).refusal end

--- Says why an inferior must not be made to execute one system call. Filters that are not those of
-- this process are read, and asked about the call with its arguments.
-- @tparam Inferior inferior stopped
-- @string name
-- @param ... its arguments
-- @treturn ?string nil: it may be
function seccomp.refusal_of(inferior, name, ...)
    local verdict = verdict_on(inferior)
    if verdict.refusal or not verdict.asks then return verdict.refusal end
    local traces = own[inferior] ~= nil
    return (require "tiexec.harness.filters".refusal_of(inferior, traces, name, ...))
end

--- Tells whether an inferior has filters of its own, which are asked about each call.
-- @tparam Inferior inferior stopped
-- @treturn boolean
function seccomp.is_asked(inferior) return verdict_on(inferior).asks or false end

--- Tells whether neither an inferior that was launched by this process nor this process has
-- filters, which it would have inherited.
-- @tparam Inferior inferior stopped
-- @treturn boolean
function seccomp.is_free(inferior)
    return heirs[inferior] and own[inferior] == nil and next(verdict_on(inferior)) == nil
end

--- Tells whether an inferior has filters that are those of this process.
-- @tparam Inferior inferior stopped
-- @treturn boolean
function seccomp.has_ours(inferior) return verdict_on(inferior).is_inherited or false end

return seccomp
