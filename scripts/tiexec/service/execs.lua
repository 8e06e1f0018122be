-- SPDX-License-Identifier: Apache-2.0
--- Which processes of the host have become another program: as perf's records tell; where this user
-- gets none, as the kernel's proc connector does; or else by a look at /proc each second.

local core = require "tiexec.core"

local c = core.constants
local execs = {}

-- Bytes of the ring of each CPU. A record of an exec takes 40 or so.
local SIZES <const> = { 65536, 16384, 8192 }
local READY_MS <const> = 5000 -- for the kernel to open the first event
local BATCH_MS <const> = 25 -- from the first record to the reading of all
local LOOK_S <const> = 1 -- between two looks at /proc
local RENEW_S <const> = 10 -- between two looks for CPUs that have come online

local Execs = {}
Execs.__index = Execs

local function open_rings()
    local rings, why, errno
    for _, size in ipairs(SIZES) do
        rings, why = core.rings(math.max(size, core.page_size()))
        if not rings then return nil, why end
        local ok
        ok, why = rings:begin()
        if ok then ok, why, errno = rings:ready(READY_MS) end
        if ok then return rings end
        rings:close()
        if errno ~= c.EPERM and errno ~= c.ENOMEM then break end
    end
    return nil, why
end

--- Lists the programs that all processes run, but those of the kernel.
-- @treturn table paths by process id
function execs.running()
    local list = {}
    for _, name in ipairs(core.list_folder("/proc") or {}) do
        local pid = math.tointeger(tonumber(name))
        list[pid or 0] = pid and core.readlink(("/proc/%d/exe"):format(pid))
    end
    list[0] = nil
    return list
end

-- What has changed in /proc since the last look.
local function look(self)
    local list, now = {}, execs.running()
    for pid, path in pairs(now) do
        if self.seen[pid] ~= path then list[#list + 1] = pid end
    end
    self.seen, self.looked = now, core.now()
    return list
end

local function read(self)
    local list, seen = {}, {}
    local records, lost = self.rings:read(math.maxinteger)
    for _, record in ipairs(records) do
        if record.kind == "exec" and record.pid > 0 and not seen[record.pid] then
            seen[record.pid] = true
            list[#list + 1] = record.pid
        end
    end
    self.lost = self.lost or lost
    return list
end

-- Has CPUs watched that have come online.
local function renew(self)
    if core.now() < self.renewed + RENEW_S then return end
    self.renewed = core.now()
    local from = self.rings:grow()
    if from then self.rings:add(nil, from) end
end

local function wait_for_records(self, seconds)
    local news = self.rings:wait(math.ceil(seconds * 1000))
    if news then core.pause(BATCH_MS) end
    local list = read(self)
    renew(self)
    if not self.lost or core.now() < self.looked + LOOK_S then return list, false end
    self.lost, self.looked = nil, core.now()
    return list, true
end

local function wait_for_connector(self, seconds)
    local news = self.connector:wait(math.ceil(seconds * 1000))
    if news then core.pause(BATCH_MS) end
    return self.connector:read()
end

--- Waits for processes that have become another program.
-- @number seconds at most
-- @treturn table list of process ids
-- @treturn boolean whether others may have been missed: all are to be looked at
function Execs:wait(seconds)
    if self.rings then return wait_for_records(self, seconds) end
    if self.connector then return wait_for_connector(self, seconds) end
    local left = math.min(seconds, math.max(0, self.looked + LOOK_S - core.now()))
    core.pause(math.min(999, math.ceil(left * 1000)))
    if core.now() < self.looked + LOOK_S then return {}, false end
    return look(self), false
end

--- Begins to watch.
-- @bool[opt] by_proc by looks at /proc in any case
-- @treturn Execs `tells`: whether the kernel tells of execs; if not, `why`, a string
function execs.open(by_proc)
    local self = setmetatable({ seen = {}, looked = 0, renewed = core.now() }, Execs)
    self.why = "it was asked for"
    if not by_proc then self.rings, self.why = open_rings() end
    if not by_proc and not self.rings then
        local why
        self.connector, why = core.connector()
        self.why = ("%s; %s"):format(self.why, why)
    end
    self.tells = (self.rings or self.connector) ~= nil
    if not self.tells then look(self) end
    return self
end

return execs
