-- SPDX-License-Identifier: Apache-2.0
--- Breakpoints and watchpoints in a stub: what `harness/points.lua` needs of an inferior. Those of
-- one kind at one address share one in the stub.

local core = require "tiexec.core"
local harness = require "tiexec.harness.points"
local wire = require "tiexec.gdb.client.wire"

local c = core.constants
local points = {} -- methods of a Remote

local digits <const> = { software = 0, hardware = 1, any = 0, write = 2, read = 3, access = 4 }

-- Sends Z or z for the place of a point.
local function send(remote, letter, point)
    return wire.order(remote, letter .. point.place)
end

local function count(remote, place, by)
    remote.places[place] = (remote.places[place] or 0) + by
    return remote.places[place]
end

local function add(remote, kind, address, size)
    if not digits[kind] then error(("invalid kind '%s'"):format(tostring(kind)), 4) end
    local point = { place = ("%d,%x,%x"):format(digits[kind], address, size), address = address,
        enabled = true, kind = kind }
    if not remote.places[point.place] or remote.places[point.place] == 0 then
        local ok, why, errno = send(remote, "Z", point)
        if not ok then return nil, why, errno end
    end
    count(remote, point.place, 1)
    remote.last_point = remote.last_point + 1
    remote.own_points[remote.last_point] = point
    return remote.last_point, kind == "hardware"
end

--- Sets a breakpoint: "any" is a software one.
function points:insert_breakpoint(address, kind)
    return add(self, kind or "any", address, self.breakpoint_size)
end

--- Watches data.
function points:insert_watchpoint(address, size, kind)
    local id, why, errno = add(self, kind or "write", address, size)
    if not id then return nil, why, errno end
    self.own_points[id].size = size
    self.own_points[id].old = self:read_memory(address, size)
    return id
end

local function take_out(remote, point)
    if not point.enabled then return true end
    point.enabled = false
    if count(remote, point.place, -1) > 0 then return true end
    return send(remote, "z", point)
end

function points:remove_point(id)
    local point = self.own_points[id]
    if not point then return true end
    local ok, why, errno = take_out(self, point)
    if ok then self.own_points[id] = nil end
    return ok, why, errno
end

function points:enable_point(id, on)
    local point = self.own_points[id]
    if not point then return nil, "enable: it is gone", c.ENOENT end
    if not on then return take_out(self, point) end
    if point.enabled then return true end
    if (self.places[point.place] or 0) == 0 then
        local ok, why, errno = send(self, "Z", point)
        if not ok then return nil, why, errno end
    end
    count(self, point.place, 1)
    point.enabled = true
    return true
end

function points:limit_point(id)
    if self.own_points[id] then return true end
    return nil, "thread: it is gone", c.ENOENT
end

function points:has_point(id) return self.own_points[id] ~= nil end

--- Sets a breakpoint, as `Inferior:breakpoint` does.
function points:breakpoint(...) return harness.breakpoint(self, ...) end

--- Watches data, as `Inferior:watch` does.
function points:watch(...) return harness.watch(self, ...) end

--- Resumes until a place, as `Inferior:advance` does.
function points:advance(...) return harness.advance(self, ...) end

--- Lists both.
function points:breakpoints() return harness.all(self) end

return points
