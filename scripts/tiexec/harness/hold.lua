-- SPDX-License-Identifier: Apache-2.0
--- Taking hold of a running process, for some milliseconds, and letting it go.

local core = require "tiexec.core"
local inferiors = require "tiexec.harness.inferiors"

local c = core.constants
local hold = {}

local STOP_MS <const> = 200 -- how long the threads that have stopped wait for one that does not
local PAUSE_MS <const> = 100 -- how long the process runs freely between two tries
local SECONDS <const> = 10 -- how long tries are begun

-- Makes one try. A process may become frozen at any moment.
local function try_once(pid)
    local frozen = require "tiexec.harness.frozen" -- a start lets go only
    local groups = frozen.groups(pid)
    local why = frozen.refusal(pid, groups)
    if why then return nil, why, c.EAGAIN end
    local inferior, started, errno = inferiors.attach(pid, STOP_MS)
    if not inferior then return nil, started, errno end
    why = frozen.refusal(pid, groups)
    if not why then return inferior, started end
    inferior:detach()
    inferior:close()
    return nil, why, c.EAGAIN
end

--- Attaches to a process and stops all its threads. A thread that waits for a child of vfork cannot
-- be stopped, but such a wait is mostly short. So several tries are made. Once the process is held,
-- no child of vfork shares its memory.
-- @int pid
-- @treturn[1] Inferior all threads are stopped
-- @treturn[1] number when that began: seconds, as `core.now` gives them
-- @treturn[2] nil, message, errno (ETIMEDOUT: some thread could not be stopped; EAGAIN: the process
-- is frozen)
function hold.attach(pid)
    local deadline = core.now() + SECONDS
    while true do
        local inferior, why, errno = try_once(pid)
        if inferior or errno ~= c.ETIMEDOUT or core.now() > deadline then
            return inferior, why, errno
        end
        core.pause(PAUSE_MS)
    end
end

--- Tells whether some thread of a process is still traced by this one. After a failure, that is a
-- process that the kernel did not let go: it may stand still until this process ends, which is what
-- sets it free, so that whoever follows it has to end.
-- @int pid
-- @treturn boolean
function hold.keeps(pid)
    for _, name in ipairs(core.list_folder(("/proc/%d/task"):format(pid)) or {}) do
        local tid = math.tointeger(tonumber(name))
        if tid and core.status(tid, "TracerPid") == core.getpid() then return true end
    end
    return false
end

--- Lets a process go.
-- @tparam Inferior inferior
-- @treturn boolean false: the kernel did not (see `keeps`)
function hold.let_go(inferior)
    local ok, _, errno = inferior:detach()
    return ok ~= nil or errno == c.ESRCH or not hold.keeps(inferior:pid())
end

return hold
