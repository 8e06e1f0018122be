-- SPDX-License-Identifier: Apache-2.0
--- Observed processes (class Observed): a process is seen through /proc alone while it runs. It
-- is neither stopped nor traced. It has those methods of an inferior that descriptions and
-- targets need.

local core = require "tiexec.core"

local c = core.constants

local Observed = {}
Observed.__index = Observed

local observed = {}

local TRIES <const>, PAUSE_MS <const> = 10, 10 -- to look at a process that looks as if it had ended
local KERNEL_THREAD <const> = 0x00200000 -- PF_KTHREAD, in the flags of /proc/PID/stat

-- Gives the name, the state and the flags of a process (proc_pid_stat(5)), or nil if there is no
-- such process.
local function state_of(pid)
    local stat = core.read_file(("/proc/%d/stat"):format(pid)) or ""
    local name, state, rest = stat:match("%((.*)%) (%a)(.*)")
    if not name then return nil end
    local flags = rest:match("^ %S+ %S+ %S+ %S+ %S+ (%d+)")
    return { name = name, state = state, flags = math.tointeger(tonumber(flags or "")) or 0 }
end

-- Says why a process must not be looked into.
local function owner_text(pid)
    local uid = core.status(pid, "Uid")
    if not uid or uid == core.host().uid then
        return "it does not let its user look into it (it has other rights, or asked for that)"
    end
    return ("it belongs to user %d"):format(uid)
end

-- Says why a process has no text to look at. nil: it has some. And whether that may pass: while a
-- thread execs that is not the first one, the process may look as if it had ended.
local function reason_against(pid, state)
    if not state then return "there is no such process", state_of(pid) ~= nil end
    if state.state == "Z" or state.state == "X" then
        return "it has ended, and waits to be collected by its parent", true
    end
    if state.flags & KERNEL_THREAD ~= 0 then
        return "it is a thread of the kernel, without text of its own"
    end
    local mappings, why, errno = core.mappings(pid, true, true)
    if errno == c.EACCES or errno == c.EPERM then
        return owner_text(pid) .. ": looking into it needs CAP_SYS_PTRACE (run as root)"
    end
    if errno == c.ENOENT and core.mappings(pid) then
        return "this kernel does not tell of its pages (no smaps: CONFIG_PROC_PAGE_MONITOR)"
    end
    if errno == c.ENOENT or errno == c.ESRCH then return "it has just ended", true end
    if not mappings then return why end
    if #mappings == 0 then return "it has just ended", true end
    local image = core.image(("/proc/%d/exe"):format(pid))
    if image and image.class == c.ELFCLASS32 then return "it is a 32-bit program" end
end

function Observed:pid() return self.id end

function Observed:auxv() return core.auxv(self.id) end

function Observed:mappings(details) return core.mappings(self.id, details) end

function Observed:read_memory(address, size)
    local file = io.open(("/proc/%d/mem"):format(self.id), "rb")
    local at = file and file:seek("set", address)
    local bytes = at and file:read(size)
    if file then file:close() end
    return bytes
end

-- An observed process is not made to do anything.
function Observed.remote_syscall() return nil, "it is only looked at", c.EPERM end

--- Opens a process for observation.
-- @int pid
-- @treturn[1] Observed `name`, `executable` (the path of its file), `thp_disabled` (it has disabled
-- huge pages by PR_SET_THP_DISABLE)
-- @treturn[2] nil, string why the process cannot be observed
function observed.open(pid)
    local living, state, why, may_pass
    for _ = 1, TRIES do
        living = core.living(pid) -- its first thread may have ended while others live on
        state = state_of(living)
        why, may_pass = reason_against(pid, state)
        if not may_pass then break end
        core.pause(PAUSE_MS)
    end
    if why then return nil, why end
    local path = core.readlink(("/proc/%d/exe"):format(living))
    return setmetatable({ id = pid, name = state.name, executable = path,
        thp_disabled = core.status(pid, "THP_enabled") == 0 }, Observed)
end

return observed
