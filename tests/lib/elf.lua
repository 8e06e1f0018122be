-- SPDX-License-Identifier: Apache-2.0
-- For the specs that check what tiexec did against something else than tiexec: where huge pages are possible
-- in a process, and where they are, from readelf, ldd and /proc alone.

local support = require "tests.lib.support"

local elf = {}

elf.huge = tonumber(support.read_file("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")) or 1 << 21
elf.page = tonumber(support.shell("getconf PAGESIZE").out)

local HUGE <const>, PAGE <const> = elf.huge, elf.page
local SMALL <const> = HUGE // 16 -- less text than this is left alone: docs say so

local function down(address, size) return address & -size end
local function up(address, size) return (address + size - 1) & -size end

local segments = {}

--- PT_LOAD and PT_GNU_RELRO of a file: list of `type`, `offset`, `vaddr`, `filesz`, `memsz`, `flags`.
function elf.segments(path)
    if segments[path] then return segments[path] end
    local list = {}
    for line in support.run({ "readelf", "-lW", path }).out:gmatch("[^\n]+") do
        local kind, offset, vaddr, filesz, memsz, flags = line:match(
            "^%s+([%u_]+)%s+0x(%x+)%s+0x(%x+)%s+0x%x+%s+0x(%x+)%s+0x(%x+)%s+([RWE ]-)%s+0x%x+$")
        if kind == "LOAD" or kind == "GNU_RELRO" then
            list[#list + 1] = { type = kind, offset = tonumber(offset, 16), vaddr = tonumber(vaddr, 16),
                filesz = tonumber(filesz, 16), memsz = tonumber(memsz, 16), flags = flags }
        end
    end
    segments[path] = list
    return list
end

local startup = {}

--- The files that are mapped when a program starts: itself, what it needs, and the dynamic linker.
function elf.startup(path)
    if startup[path] then return startup[path] end
    local set = { [path] = true }
    local files = {}
    for file in support.run({ "ldd", path }).out:gmatch("(/%S+) %(0x") do files[#files + 1] = file end
    if #files > 0 then
        local real = support.run { "realpath", "--", table.unpack(files) }.out
        for file in real:gmatch("[^\n]+") do set[file] = true end
    end
    startup[path] = set
    return set
end

--- What /proc/PID/maps says: list of `start`, `stop`, `perms`, `offset`, `path`.
function elf.parse_maps(text)
    local list = {}
    for line in text:gmatch("[^\n]+") do
        local start, stop, perms, offset, path = line:match("^(%x+)-(%x+) (%S+) (%x+) %S+ %d+%s*(.*)$")
        if #start < 16 then
            list[#list + 1] = { start = tonumber(start, 16), stop = tonumber(stop, 16), perms = perms,
                offset = tonumber(offset, 16), path = path }
        end
    end
    return list
end

function elf.maps(pid) return elf.parse_maps(support.read_file("/proc/" .. pid .. "/maps") or "") end

local function overlaps(start, stop, from, to) return start < to and from < stop end

--- The load bias of a file, from a mapping of it that shows one of its segments; nil: there is none.
function elf.bias(path, maps)
    for _, mapping in ipairs(maps) do
        if mapping.path == path then
            for _, segment in ipairs(elf.segments(path)) do
                local offset = down(segment.offset, PAGE)
                if segment.type == "LOAD" and mapping.offset >= offset
                    and mapping.offset < segment.offset + segment.filesz
                    and (mapping.perms:find("w") ~= nil) == (segment.flags:find("W") ~= nil) then
                    return mapping.start - (down(segment.vaddr, PAGE) + mapping.offset - offset)
                end
            end
        end
    end
end

--- The ELF files mapped in a process: list of `path`, `texts` and `written`, lists of `start`, `stop`.
-- What was written includes RELRO. `base`: what its addresses are counted from.
function elf.loaded(pid, among)
    local maps, list, done = elf.maps(pid), {}, {}
    for _, mapping in ipairs(maps) do
        local path = mapping.path
        if path:sub(1, 1) == "/" and not done[path] and (not among or among[path]) then
            done[path] = true
            local bias = #elf.segments(path) > 0 and elf.bias(path, maps)
            local object = { path = path, base = bias, texts = {}, written = {} }
            for _, segment in ipairs(bias and elf.segments(path) or {}) do
                local range = { start = down(bias + segment.vaddr, PAGE),
                    stop = up(bias + segment.vaddr + segment.memsz, PAGE) }
                if segment.type == "GNU_RELRO" or segment.flags:find("W") then
                    table.insert(object.written, range)
                elseif segment.flags:find("E") then
                    table.insert(object.texts, range)
                end
            end
            if bias then list[#list + 1] = object end
        end
    end
    return list
end

--- The first range that was written to, of any file, in [start, stop); nil: none was.
function elf.written_in(objects, start, stop)
    for _, object in ipairs(objects) do
        for _, range in ipairs(object.written) do
            if overlaps(start, stop, range.start, range.stop) then
                return ("%s was written at %#x-%#x"):format(object.path, range.start, range.stop)
            end
        end
    end
end

-- The ranges that heap and stack may grow into. The heap's ends at the next mapping.
local function rooms(pid, maps)
    local list = {}
    local fields = (support.read_file("/proc/" .. pid .. "/stat") or ""):match("%) (.*)$")
    local n, brk = 2, nil
    for word in (fields or ""):gmatch("%S+") do
        n = n + 1
        if n == 47 then brk = tonumber(word) end
    end
    local next_start
    for _, mapping in ipairs(maps) do
        if brk and mapping.start >= brk and mapping.path ~= "[heap]" then
            next_start = next_start or mapping.start
        end
        if mapping.path == "[stack]" then
            local limit = tonumber(support.read_file("/proc/" .. pid .. "/limits"):match("Max stack size%s+(%d+)"))
            list[#list + 1] = { mapping.stop - math.min(limit or 1 << 30, 1 << 30) - (1 << 20), mapping.stop }
        end
    end
    if brk then list[#list + 1] = { brk, next_start or math.maxinteger } end
    return list
end

-- Whether something other than text and read-only data of `object` is in [start, stop).
local function is_obstructed(pid, maps, objects, object, start, stop)
    if elf.written_in(objects, start, stop) then return true end
    for _, mapping in ipairs(maps) do
        if overlaps(start, stop, mapping.start, mapping.stop)
            and (mapping.path ~= object.path or mapping.perms:find("w")) then
            return true
        end
    end
    for _, room in ipairs(rooms(pid, maps)) do
        if overlaps(start, stop, room[1], room[2]) then return true end
    end
    return false
end

-- The huge pages that the texts of some objects touch: by address, `inner` when all of it is one text.
local function candidates(objects)
    local pages = {}
    for _, object in ipairs(objects) do
        for _, text in ipairs(object.texts) do
            for at = down(text.start, HUGE), up(text.stop, HUGE) - 1, HUGE do
                local page = pages[at] or { object = object, text = 0 }
                page.inner = page.inner or text.start <= at and at + HUGE <= text.stop
                page.text = math.max(page.text, text.stop - text.start)
                pages[at] = page
            end
        end
    end
    return pages
end

local fields <const> = { thp = "AnonHugePages", hugetlb = "Private_Hugetlb" }

--- Bytes of a smaps entry that are private copies on huge pages, and the field that says so. What is
-- still the file's may be huge too (FilePmdMapped), when the kernel has it so in its page cache.
function elf.copied_bytes(mapping)
    for _, field in pairs(fields) do
        if (mapping[field] or 0) > 0 then return mapping[field], field end
    end
    return 0
end

-- The executable huge pages of a process, by address, and their bytes. Adds a complaint for each mapping that is
-- huge only in part, by another source, or of other permissions.
local function huge_pages(pid, source, complaints)
    local pages, sum = {}, 0
    for _, mapping in ipairs(support.smaps(pid)) do
        local bytes, by = elf.copied_bytes(mapping)
        if mapping.perms:find("x") and bytes > 0 then
            local where = ("%#x-%#x "):format(mapping.start, mapping.stop)
            if bytes ~= mapping.stop - mapping.start then complaints[#complaints + 1] = where .. "is huge in part" end
            if by ~= fields[source] then complaints[#complaints + 1] = where .. "is huge by " .. by end
            if mapping.perms ~= "r-xp" then complaints[#complaints + 1] = where .. "is " .. mapping.perms end
            for at = mapping.start, mapping.stop - 1, HUGE do pages[at] = true end
            sum = sum + bytes
        end
    end
    return pages, sum
end

-- Bytes of [start, stop) that are huge by `field` for certain, where smaps says how much of the mapping is, and not
-- which part.
local function huge_part(mapping, field, start, stop)
    local size = math.min(mapping.stop, stop) - math.max(mapping.start, start)
    if size <= 0 then return 0 end
    return math.max(0, size - (mapping.stop - mapping.start - (mapping[field] or 0)))
end

--- What of the text of an object is on huge pages, as its headers and smaps say.
-- @int pid
-- @tparam table object what `elf.loaded` gave
-- @treturn table `text` and `huge`, bytes; `by`, bytes by smaps' field
function elf.coverage(pid, object)
    local result = { text = 0, huge = 0, by = {} }
    local smaps = support.smaps(pid)
    for _, text in ipairs(object.texts) do
        result.text = result.text + text.stop - text.start
        for _, mapping in ipairs(smaps) do
            for _, field in ipairs(support.huge_fields) do
                local bytes = mapping.perms:find("x") and huge_part(mapping, field, text.start, text.stop) or 0
                result.huge = result.huge + bytes
                if bytes > 0 then result.by[field] = (result.by[field] or 0) + bytes end
            end
        end
    end
    return result
end

--- Compares the huge text of a process with what its headers allow.
-- @int pid
-- @string program the file of its program
-- @tparam table variant `strategy`, "conservative" or "aggressive"; `source`
-- @treturn table `complaints`, a list of strings; `huge`, bytes
function elf.check(pid, program, variant)
    local complaints = {}
    local huge, sum = huge_pages(pid, variant.source, complaints)
    local maps, all = elf.maps(pid), elf.loaded(pid)
    local pages = candidates(elf.loaded(pid, elf.startup(program)))
    local aggressive = variant.strategy == "aggressive"
    for at in pairs(huge) do
        local page = pages[at]
        local where = ("huge at %#x: "):format(at)
        if not page then
            complaints[#complaints + 1] = where .. "no text is there"
        elseif not page.inner and not aggressive then
            complaints[#complaints + 1] = where .. "not all of it is text"
        end
        local written = elf.written_in(all, at, at + HUGE)
        if written then complaints[#complaints + 1] = where .. written end
    end
    for at, page in pairs(pages) do
        local excused = not page.inner and (not aggressive or page.text < SMALL or at == 0
            or is_obstructed(pid, maps, all, page.object, at, at + HUGE))
        if not huge[at] and not excused then
            complaints[#complaints + 1] = ("small at %#x: text of %s, and nothing in the way")
                :format(at, page.object.path)
        end
    end
    return { complaints = complaints, huge = sum }
end

return elf
