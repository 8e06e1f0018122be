-- SPDX-License-Identifier: Apache-2.0
--- Breakpoints and watchpoints as objects, with the properties that GDB's have: when a thread that
-- has come to one is told of, and when it goes on.

local core = require "tiexec.core"

local points = {}

-- The points of each inferior, by their ids.
local registry = setmetatable({}, { __mode = "k" })

-- A breakpoint or watchpoint (class Point). The inferior's ids tell it from every other one, so
-- that one which is gone stands for none. `enabled` and `thread` are kept as `is_enabled` and
-- `only`, since to set them is to change the inferior.
local Point = {}
local Meta = {}
local kept = { enabled = "is_enabled", thread = "only" }

function Meta.__index(self, key)
    if kept[key] then return rawget(self, kept[key]) end
    return Point[key]
end

local function check(ok, what)
    if not ok then error(what, 4) end
end

local checks = {
    condition = function(value)
        check(value == nil or type(value) == "function", "condition: a function expected")
    end,
    thread = function(value)
        check(value == nil or math.type(value) == "integer" and value > 0,
            "thread: a thread id expected")
    end,
    count = function(value)
        check(math.type(value) == "integer" and value >= 0, "a count expected")
    end,
}

-- Sets a property. What the inferior refuses raises.
function Meta.__newindex(self, key, value)
    if key == "enabled" then
        local ok, why = self:enable(value)
        if not ok then error(why, 2) end
    elseif key == "thread" then
        checks.thread(value)
        rawset(self, "only", value)
        self.inferior:limit_point(self.id, value or 0)
    elseif key == "condition" then
        checks.condition(value)
        rawset(self, "condition", value)
    else
        error(("a point has no property '%s'"):format(tostring(key)), 2)
    end
end

--- Removes the point, if it is still there. Threads that run are held for a moment.
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno (EFAULT, EIO: its text cannot be written to)
-- @usage
-- local breakpoint = inferior:breakpoint("count")
-- breakpoint:delete()
-- print(breakpoint:is_valid(), #inferior:breakpoints()) --> false 0
function Point:delete()
    local all = registry[self.inferior]
    if all and all[self.id] == self then all[self.id] = nil end
    return self.inferior:remove_point(self.id)
end

Meta.__close = Point.delete

--- Takes the point out, or puts it back.
-- @bool on
-- @treturn[1] boolean true
-- @treturn[2] nil, message, errno (ENOSPC: the debug registers are used up; ENOENT: it is gone)
-- @usage
-- local breakpoint <close> = inferior:breakpoint("count")
-- print(breakpoint:enable(false), breakpoint.enabled) --> true false
-- breakpoint.enabled = true -- the same; what is refused raises
function Point:enable(on)
    local ok, why, errno = self.inferior:enable_point(self.id, on)
    if not ok then return nil, why, errno end
    rawset(self, "is_enabled", on and true or false)
    return true
end

--- Tells whether it uses debug registers of the CPU.
-- @treturn boolean
-- @usage
-- local breakpoint <close> = inferior:breakpoint("count", "software")
-- print(breakpoint:is_hardware()) --> false
function Point:is_hardware() return self.hardware end

--- Tells whether it is still there: it was not deleted, and its program has not exec'd.
-- @treturn boolean
-- @usage
-- local breakpoint <close> = inferior:breakpoint("count", { temporary = true })
-- inferior:cont()
-- inferior:wait()
-- print(breakpoint:is_valid(), breakpoint.hit_count) --> false 1
function Point:is_valid() return self.inferior:has_point(self.id) end

local properties = { condition = checks.condition, thread = checks.thread, enabled = function() end,
    ignore_count = checks.count, hit_count = checks.count, temporary = function() end }

-- Reads the last argument of `breakpoint` and `watch`: a kind, or a table that has `kind` and
-- properties.
local function parse(options)
    if type(options) ~= "table" then return options, {} end
    local given = {}
    for key, value in pairs(options) do
        if key ~= "kind" then
            check(properties[key], ("unknown property '%s'"):format(tostring(key)))
            properties[key](value)
            given[key] = value
        end
    end
    return options.kind, given
end

local function add(inferior, point, given)
    point.inferior, point.is_enabled = inferior, true
    point.hit_count, point.ignore_count = 0, given.ignore_count or 0
    point.temporary = given.temporary or false
    setmetatable(point, Meta)
    registry[inferior] = registry[inferior] or {}
    registry[inferior][point.id] = point
    if given.condition then point.condition = given.condition end
    if given.thread then point.thread = given.thread end
    if given.enabled == false then point.enabled = false end
    return point
end

-- Gives the address that is meant: an integer, or the name of a symbol.
local function resolve(inferior, address)
    if type(address) ~= "string" then return address end
    return inferior:symbol(address)
end

--- Sets a breakpoint. When a thread comes to it, pc is the address, and the instruction there has
-- not been executed.
-- @function inferior:breakpoint
-- @tparam int|string address or the name of a symbol
-- @tparam[opt="any"] string|table options "hardware", "software", or "any": hardware if the CPU has
-- one to spare; or a table: `kind`, and properties of the breakpoint
-- @treturn[1] Point to be closed, if the block is to have it alone
-- @treturn[2] nil, message, errno (ENOENT: there is no such symbol; EFAULT, EIO: nothing is mapped
-- there; ENOSPC: hardware is asked for, and the debug registers are used up)
-- @usage
-- local breakpoint <close> = assert(inferior:breakpoint("count", {
--     condition = function(stopped) return stopped:read_i32(stopped:symbol("counter")) > 40 end }))
-- inferior:cont()
-- local event = inferior:wait()
-- print(event.reason, event.points[1] == breakpoint) --> breakpoint-hit true
-- print(inferior:read_i32(inferior:symbol("counter"))) --> 42
function points.breakpoint(inferior, address, options)
    local kind, given = parse(options)
    local at, why, errno = resolve(inferior, address)
    if why then return nil, why, errno end
    local id, hardware, refused = inferior:insert_breakpoint(at, kind)
    if not id then return nil, hardware, refused end
    return add(inferior, { id = id, address = at, hardware = hardware }, given)
end

--- Watches data: a thread that writes it, or reads it, stops after the instruction.
-- @function inferior:watch
-- @tparam int|string address or the name of a symbol
-- @int size bytes
-- @tparam[opt="write"] string|table options "write", "read" or "access"; or a table: `kind`, and
-- properties of the watchpoint
-- @treturn[1] Point to be closed, if the block is to have it alone
-- @treturn[2] nil, message, errno (ENOENT: there is no such symbol; EFAULT, EIO: it is not mapped;
-- ENOSPC: the debug registers are used up)
-- @usage
-- local watch <close> = assert(inferior:watch("counter", 4))
-- inferior:cont()
-- local event = inferior:wait()
-- print(event.reason, event.old, event.new) --> watchpoint-trigger 40 42
function points.watch(inferior, address, size, options)
    local kind, given = parse(options)
    local at, why, errno = resolve(inferior, address)
    if why then return nil, why, errno end
    local id, refused, number = inferior:insert_watchpoint(at, size, kind)
    if not id then return nil, refused, number end
    return add(inferior, { id = id, address = at, size = size, kind = kind or "write",
        hardware = true }, given)
end

--- Resumes all stopped threads until one comes to a place, where the instruction has not been
-- executed: GDB's `advance`. What happens before that ends it, too: a signal, the end.
-- @function inferior:advance
-- @tparam int|string place an address, or the name of a symbol
-- @int[opt] timeout milliseconds; without it the wait may last for ever
-- @treturn[1] Event as `wait` gives it: "breakpoint-hit", or what has come first
-- @treturn[2] nil, message, errno (ENOENT: there is no such symbol; ETIMEDOUT: they run; …)
-- @usage
-- print(inferior:advance("count").reason) --> breakpoint-hit
-- print(inferior:symbolize(inferior:read_register("pc"))) --> count
-- print(inferior:advance("no_such_name")) --> nil there is no symbol 'no_such_name' 2
function points.advance(inferior, place, timeout)
    local point <close>, why, errno = points.breakpoint(inferior, place)
    if not point then return nil, why, errno end
    local ok
    ok, why, errno = inferior:cont()
    if not ok then return nil, why, errno end
    return inferior:wait(timeout)
end

--- Lists the points that are there, in the order in which they were made.
-- @tparam Inferior inferior
-- @treturn table list of Point
function points.all(inferior)
    local list = {}
    for _, point in pairs(registry[inferior] or {}) do
        if point:is_valid() then list[#list + 1] = point end
    end
    table.sort(list, function(a, b) return a.id < b.id end)
    return list
end

--- Gives an adopted child objects for the breakpoints that it has inherited, with their properties.
-- @tparam Inferior parent
-- @tparam Inferior child
function points.inherit(parent, child)
    for id, point in pairs(registry[parent] or {}) do
        if child:has_point(id) then
            local heir = add(child, { id = id, address = point.address,
                hardware = point.hardware }, { condition = point.condition,
                ignore_count = point.ignore_count, temporary = point.temporary })
            rawset(heir, "is_enabled", point.enabled)
        end
    end
end

-- ---- who is told --------------------------------------------------------------------------------

-- The points that have stopped a thread.
local function met(inferior, event)
    local all, list = registry[inferior] or {}, {}
    if event.point then return { all[event.point] } end
    for _, point in pairs(all) do
        if point.address == event.address and point.enabled and not point.size
            and (not point.thread or point.thread == event.thread) then
            list[#list + 1] = point
        end
    end
    table.sort(list, function(a, b) return a.id < b.id end)
    return list
end

-- Whether a point that a thread has come to stops it. One whose condition fails to say does.
local function stops(point, inferior, event)
    if point.condition then
        local ok, result = pcall(point.condition, inferior, event, point)
        if not ok and core.is_ending() then error(result, 0) end
        if not ok then event.condition_error = tostring(result) end
        if ok and not result then return false end
    end
    point.hit_count = point.hit_count + 1
    if point.ignore_count == 0 then return true end
    point.ignore_count = point.ignore_count - 1
    return false
end

--- Judges an event: which of the points stop the thread, as their properties are. Sets `points`,
-- the list of them. Temporary ones are deleted.
-- @tparam Inferior inferior
-- @tparam Event event of a breakpoint or watchpoint
-- @treturn boolean whether the event is to be told; else the thread is to go on
function points.judge(inferior, event)
    local list = {}
    local candidates = met(inferior, event)
    for _, point in ipairs(candidates) do
        if stops(point, inferior, event) then list[#list + 1] = point end
    end
    for _, point in ipairs(list) do
        if point.temporary then point:delete() end
    end
    event.points, event.point = list, nil
    if #list > 0 or #candidates == 0 then return true end
    if not event.stepped then return false end
    event.reason, event.points = "end-stepping-range", nil
    return true
end

return points
