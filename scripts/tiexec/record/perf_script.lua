-- SPDX-License-Identifier: Apache-2.0
--- Reads what `perf script` prints of samples that perf has recorded:
--
--   perf script --no-demangle --show-mmap-events -F pid,ip,sym,dso
--
-- or what llvm-profgen takes as --perfscript, `-F ip,brstack --show-mmap-events`: the addresses of
-- the samples alone, which lie in the one program that was recorded.
--
-- Without the lines of --show-mmap-events it is not told where a library was mapped. Then that is
-- found by the symbols: an address lies in the symbol that perf names, and so the library begins
-- where those of all its addresses agree.

local core = require "tiexec.core"
local resolving = require "tiexec.record.resolving"

local perf_script = {}

local EXEC <const> = 2 -- ET_EXEC: an executable that is never moved
local PAGE <const> = 4096

local MAP <const> = "PERF_RECORD_MMAP2? (%-?%d+)/%-?%d+: %[0x(%x+)%(0x(%x+)%) @ (%w+)[^%]]*%]:"
    .. " (%S+) (.+)"

-- ---- where libraries are, by their symbols ------------------------------------------------------

local Finder = {}
Finder.__index = Finder

-- Everything about a file that is needed: `segments`, `symbols`, and places where it was mapped.
local function open_finder(path)
    local image, symbols = core.image(path), core.symbol_table()
    if not image or not symbols:add(path) then return nil end
    return setmetatable({ image = image, symbols = symbols, places = {} }, Finder)
end

-- Narrows down where the file was mapped: its first address lies between `low` and `high`. Places
-- that this contradicts are of other processes.
function Finder:narrow(low, high)
    for _, place in ipairs(self.places) do
        local first, last = math.max(place.low, low), math.min(place.high, high)
        if first <= last then
            place.low, place.high, place.count = first, last, place.count + 1
            return place
        end
    end
    local place = { low = low, high = high, count = 1 }
    self.places[#self.places + 1] = place
    return place
end

-- Takes in an address and the symbol that it lies in. Gives the place that it belongs to.
function Finder:add(pc, name)
    if self.image.type == EXEC then return { low = 0, high = 0 } end
    local symbol = self.symbols:find(name)
    if not symbol or symbol.address == 0 or pc < symbol.address then return nil end
    local size = math.max(symbol.size, 1)
    local first = pc - symbol.address - size + 1
    local low = (first + PAGE - 1) // PAGE * PAGE
    local high = (pc - symbol.address) // PAGE * PAGE
    return low <= high and self:narrow(low, high) or nil
end

function Finder:offset(pc, place)
    local address = pc - place.low
    for _, segment in ipairs(self.image.segments) do
        if segment.type == 1 and segment.vaddr <= address
            and address < segment.vaddr + segment.filesz then
            return address - segment.vaddr + segment.offset
        end
    end
end

-- ---- lines --------------------------------------------------------------------------------------

local Reader = {}
Reader.__index = Reader

function Reader:finder(path)
    if self.finders[path] == nil then self.finders[path] = open_finder(path) or false end
    return self.finders[path] or nil
end

function Reader:map(line)
    local pid, start, size, offset, protection, path = line:match(MAP)
    if not pid then return false end
    if protection:find("x", 1, true) then
        start, size = tonumber(start, 16), tonumber(size, 16)
        self.resolver:map(math.tointeger(tonumber(pid)), { start = start, stop = start + size,
            offset = math.tointeger(tonumber(offset)) or 0, path = path })
        self.has_maps, self.last_pid = true, math.tointeger(tonumber(pid))
    end
    return true
end

-- A line of a sample: perhaps a process id, an address, a symbol, and its object in brackets.
function Reader:sample(line)
    local head, object = line:match("^(.-)%s+%((.+)%)%s*$")
    local pid, pc, name = (head or ""):match("^%s*(%d*)%s+(%x+)%s+(.*)$")
    if not pc then pid, pc, name = "", (head or ""):match("^%s*(%x+)%s+(.*)$") end
    pc = pc and #pc <= 16 and tonumber(pc, 16)
    if not pc then return false end
    name = name:gsub("%+0x%x+$", "")
    self.samples[#self.samples + 1] = { pid = math.tointeger(tonumber(pid)), pc = pc, name = name,
        object = object }
    return true
end

-- A line as llvm-profgen takes it: an address, and the branches that led there; or, with stacks, a
-- line for each caller, the innermost first, and then the branches.
function Reader:address(line)
    local pc, branches = line:match("^%s*(%x*)%s*(0x%x+/0x%x+/)")
    if not branches then pc = line:match("^%s*(%x+)%s*$") end
    local is_first = not self.in_stack
    self.in_stack = pc ~= nil and not branches
    pc = pc and pc ~= "" and is_first and #pc <= 16 and tonumber(pc, 16)
    if pc then self.samples[#self.samples + 1] = { pid = self.last_pid, pc = pc, object = "" } end
end

-- Narrows down all places first, and then finds the offsets.
local function place_by_symbols(self)
    for _, sample in ipairs(self.samples) do
        local finder = sample.object:find("^/[^/]") and self:finder(sample.object)
        sample.place = finder and finder:add(sample.pc, sample.name)
        sample.finder = finder
    end
    for _, sample in ipairs(self.samples) do
        local place = sample.place or sample.finder and sample.finder.places[1]
        local offset = place and sample.finder:offset(sample.pc, place)
        self.resolver:at(self.executable, sample.object, offset)
    end
end

-- The executable: of the objects that are no libraries, the one with the most samples.
local function guess_executable(samples)
    local counts, best = {}, nil
    for _, sample in ipairs(samples) do
        local path = sample.object
        if path:find("^/[^/]") and not path:find("%.so[.%d]*$") then
            counts[path] = (counts[path] or 0) + 1
            if not best or counts[path] > counts[best] then best = path end
        end
    end
    return best or samples[1].object
end

--- Reads the text.
-- @string words
-- @treturn[1] Resolver with the samples
-- @treturn[2] nil, string why it cannot be read
function perf_script.read(words)
    local self = setmetatable({ resolver = resolving.new(), finders = {}, samples = {} }, Reader)
    for line in words:gmatch("[^\n]+") do
        local _ = line:find("^#") or self:map(line) or self:sample(line) or self:address(line)
    end
    if #self.samples == 0 or self.samples[1].object == "" and not self.has_maps then
        return nil, "it has no samples as perf script prints them"
    end
    if self.has_maps and self.samples[1].pid then
        for _, sample in ipairs(self.samples) do self.resolver:pc(sample.pid, sample.pc) end
    else
        self.executable = guess_executable(self.samples)
        place_by_symbols(self)
    end
    return self.resolver
end

return perf_script
