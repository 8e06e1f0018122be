-- SPDX-License-Identifier: Apache-2.0
--- Finds out what the program counters of samples lie in: which object, and where in its file. The
-- records of the samples tell all that, in the order of their times.

local resolving = {}

local NOWHERE <const> = { path = "//unknown" }
resolving.NOWHERE = NOWHERE.path -- what a sample lies in of which nothing is known

local Resolver = {}
Resolver.__index = Resolver

--- Makes a resolver.
-- @treturn Resolver
function resolving.new()
    return setmetatable({ processes = {}, executables = {}, samples = 0, lost = 0 }, Resolver)
end

function Resolver:process(pid)
    local process = self.processes[pid]
    if not process then
        process = { maps = {} }
        self.processes[pid] = process
    end
    return process
end

--- Takes in that memory becomes executable. The first file of a program is its executable.
-- @int pid
-- @tparam table map `start`, `stop`, `offset` in the file, `path`
function Resolver:map(pid, map)
    local process = self:process(pid)
    if not process.executable and map.path:find("^/[^/]") then process.executable = map.path end
    process.last = nil
    table.insert(process.maps, map)
end

-- Finds the mapping that an address lies in. Those of later on are on top.
local function find(process, pc)
    local last = process.last
    if last and last.start <= pc and pc < last.stop then return last end
    for i = #process.maps, 1, -1 do
        local map = process.maps[i]
        if map.start <= pc and pc < map.stop then
            process.last = map
            return map
        end
    end
    return NOWHERE
end

-- Gives the object of a path that programs of an executable have samples in.
local function object_of(self, executable, path, count)
    local found = self.executables[executable]
    if not found then
        found = { samples = 0, objects = {} }
        self.executables[executable] = found
    end
    found.samples = found.samples + count
    local object = found.objects[path]
    if not object then
        object = { samples = 0, offsets = {} }
        found.objects[path] = object
    end
    object.samples = object.samples + count
    return object
end

--- Takes in samples of which it is known where they lie.
-- @string executable
-- @string path of the object
-- @int[opt] offset in the object's file
-- @int[opt=1] count of samples
function Resolver:at(executable, path, offset, count)
    count = count or 1
    local object = object_of(self, executable, path, count)
    self.samples = self.samples + count
    if offset then object.offsets[offset] = (object.offsets[offset] or 0) + count end
end

--- Takes in a sample.
-- @int pid
-- @int pc the program counter
function Resolver:pc(pid, pc)
    local process = self:process(pid)
    local map = find(process, pc)
    local is_file = map.path:find("^/[^/]")
    self:at(process.executable or NOWHERE.path, map.path,
        is_file and pc - map.start + map.offset or nil)
end

--- Takes in that a process has a child, which begins with its mappings.
-- @int pid
-- @int parent
function Resolver:fork(pid, parent)
    if pid == parent then return end -- it is a thread
    local of = self:process(parent)
    self.processes[pid] = { executable = of.executable,
        maps = table.move(of.maps, 1, #of.maps, 1, {}) }
end

--- Takes in that a process becomes another program.
-- @int pid
function Resolver:exec(pid) self.processes[pid] = nil end

--- Takes in all records of samples.
-- @param samples as core.sample gives them, after `finish`
-- @int count
function Resolver:read(samples, count)
    for i = 1, count do
        local kind, pid, a, size, offset, path = samples:get(i)
        if kind == "pc" then
            self:pc(pid, a)
        elseif kind == "map" then
            self:map(pid, { start = a, stop = a + size, offset = offset, path = path })
        elseif kind == "fork" then
            self:fork(pid, a)
        elseif kind == "exec" then
            self:exec(pid)
        else
            self.lost = self.lost + pid -- a number of samples
        end
    end
end

return resolving
