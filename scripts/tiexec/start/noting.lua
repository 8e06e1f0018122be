-- SPDX-License-Identifier: Apache-2.0
--- Notes what is done to a program that is over at its exec stop, so that it can be done again at
-- the next start, without Lua (core/replay). What is noted is what the program was made to do:
-- nothing in here, nor in core/replay, decides what that is.
--
-- Only steps are kept that all came out as they always do. Anything else that the program was made
-- to do spoils the notes, and nothing is kept.

local congruent = require "tiexec.plan.congruent"
local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local ranges = require "tiexec.base.ranges"

local c = core.constants
local noting = {}

local CALLS <const> = { mmap = true, munmap = true, mprotect = true, madvise = true, mremap = true,
    close = true }
local SPOILERS <const> = { take_file = true, write_register = true, scratch = true }

local NOWHERE <const> = { start = 0, stop = 0 }

-- The notes: `inferior`, its `image` and its `mappings` before; `hands`, by which it is acted on;
-- `steps`; `moved`, how it is moved; `aside`, memory that it has mapped at any place; `fd`, the
-- file that it has open; `is_spoilt`; and once it is over `start`, what is to be kept, and `file`,
-- the executable.
local Notes = {}
Notes.__index = Notes

function Notes:add(step) self.steps[#self.steps + 1] = step end

-- Which step a write is: it tells of the new place, or copies a page from the old one.
function Notes:note_write(address, bytes)
    local moved = self.moved
    if not moved then
        self.is_spoilt = true
    elseif not ranges.contains(moved.new, address) then
        self:add { kind = "move" }
    elseif bytes == self.inferior:read_memory(address + moved.distance, #bytes) then
        self:add { kind = "copy", address + moved.distance, address, #bytes }
    else
        self.is_spoilt = true
    end
end

-- Whether a call need not be made again: the kernel's is a part of the move, and what has been
-- mapped afresh for a move has no pages that could be forgotten.
local function is_needless(notes, name, arguments)
    local last = notes.steps[#notes.steps]
    return name == "prctl" and last ~= nil and last.kind == "move"
        or name == "madvise" and arguments[3] == c.MADV_DONTNEED and notes.moved ~= nil
end

-- What a call returns each time. Memory at any place counts only if that could be any other place
-- as well, and if there is but one such piece.
local function expected_of(notes, name, arguments, result)
    if name == "mremap" then return arguments[5] end
    if name ~= "mmap" then return 0 end
    if arguments[1] ~= 0 or notes.aside then return arguments[1] end
    if not result or result & (core.huge_page_size() - 1) ~= 0 then return nil end
    notes.aside = { start = result, stop = result + arguments[2] }
    return result
end

function Notes:note_call(name, result, ...)
    local arguments = { ... }
    if is_needless(self, name, arguments) then return end
    local expected = expected_of(self, name, arguments, result)
    if not CALLS[name] or result ~= expected then self.is_spoilt = true end
    local at = name == "mmap" and 5 or name == "close" and 1
    if at and arguments[at] == self.fd then arguments[at] = "file" end
    if name == "close" then self.fd = nil end
    self:add { kind = "call", name = name, expected, table.unpack(arguments) }
end

local methods = {}

function methods.remote_syscall(notes, name, ...)
    local result, why, errno = notes.inferior:remote_syscall(name, ...)
    notes:note_call(name, result, ...)
    return result, why, errno
end

function methods.remote_open(notes, path)
    local fd, why, errno = notes.inferior:remote_open(path)
    notes.is_spoilt = notes.is_spoilt or not fd or path ~= "/proc/self/exe" or notes.fd ~= nil
    notes.fd = fd
    notes:add { kind = "open" }
    return fd, why, errno
end

function methods.write_memory(notes, address, bytes)
    notes:note_write(address, bytes)
    return notes.inferior:write_memory(address, bytes)
end

-- The inferior, of which everything is noted.
local function watched(notes)
    local inferior = notes.inferior
    return setmetatable({}, { __index = function(_, name)
        local method = methods[name]
        return function(_, ...)
            if method then return method(notes, ...) end
            if SPOILERS[name] then notes.is_spoilt = true end
            return inferior[name](inferior, ...)
        end
    end })
end

-- ---- what the program was like ------------------------------------------------------------------

-- Those of the program: all from the first mapping of its file to the last one but the kernel's
-- own.
local function own_mappings(mappings, inode)
    local list, last = {}, 0
    for _, m in ipairs(mappings) do
        local is_kernels = m.inode == 0 and m.path:find("^%[") and m.path ~= "[heap]"
        local is_own = m.inode == inode or m.inode == 0 and list[1] ~= nil and not is_kernels
        if is_own then list[#list + 1] = m end
        if m.inode == inode then last = #list end
    end
    return table.move(list, 1, last, 1, {})
end

-- A move of the program, as `congruent.wanted` asks for it.
local function move_of(wanted)
    local span, alignment = images.span(wanted.image, wanted.host.page_size)
    local huge, text = wanted.host.huge_page_size, congruent.main_text(wanted.image)
    local start = span.start + wanted.bias
    local size, congruence = span.stop - span.start, text.vaddr - text.offset - span.start
    return { distance = wanted.distance, alignment = alignment,
        least = wanted.distance - ((start + congruence) & (huge - 1)),
        congruence = congruence & (huge - 1), old = { start = start, stop = start + size },
        new = { start = start - wanted.distance, stop = start - wanted.distance + size } }
end

-- The same of a program that stays where it is; nil: it lies well by chance, and would have to be
-- moved the next time. What is linked to lie at one place has no relative addresses.
local function unmoved(image, own)
    local _, alignment = images.span(image, core.page_size())
    local place = NOWHERE
    if image.type == c.ET_DYN then
        if alignment < core.huge_page_size() then return nil end
        place = { start = own[1].start, stop = own[#own].stop }
    end
    return { old = place, new = place, least = 0, congruence = 0, alignment = 1 }
end

--- Begins to note what is done to a program.
-- @tparam Inferior inferior at its exec stop
-- @tparam Image image of its executable
-- @tparam table mappings list of Mapping: all of the inferior's
-- @treturn Notes with `hands`: an Inferior of which everything is noted
function noting.begin(inferior, image, mappings)
    local notes = setmetatable({ inferior = inferior, image = image, mappings = mappings,
        steps = {} }, Notes)
    notes.hands = watched(notes)
    return notes
end

--- Is told that the program is about to be moved.
-- @tparam table wanted as `congruent.wanted` gives it
function Notes:expect_move(wanted) self.moved = move_of(wanted) end

-- The one part of the program that is served, or nil: then something else was done, too.
local function only_part(outcome)
    local part
    for _, result in ipairs(outcome.results) do
        if result.source then
            if part or result.source ~= "file" then return nil end
            part = result
        end
    end
    return part
end

-- Has the page tables be looked at before the step that nothing takes back: the one by which memory
-- aside gets into the place of the text, or an advice that comes last.
local function with_look(steps, part)
    local list = table.move(steps, 1, #steps, 1, {})
    for i, step in ipairs(steps) do
        if step.name == "mremap" then
            table.insert(list, i, { kind = "look", step[2], step[3] })
            return list
        end
    end
    local is_advice = list[#list].name == "madvise" and list[#list][4] == c.MADV_HUGEPAGE
    table.insert(list, is_advice and #list or #list + 1,
        { kind = "look", part.start, part.stop - part.start })
    return list
end

-- The mapping of the executable that has all of a part, or nil.
local function text_of(inferior, part, inode)
    local text = ranges.find(inferior:mappings() or {}, part.start)
    return text and text.inode == inode and text.stop >= part.stop and text or nil
end

--- Is told what has come of the program, which still stands still. Without PAGEMAP_SCAN (before
-- Linux 6.7) it could not be seen soon enough whether its text is huge the next time.
-- @tparam Outcome outcome
function Notes:complete(outcome)
    local pid, part = self.inferior:pid(), not self.is_spoilt and only_part(outcome)
    local exe = ("/proc/%d/exe"):format(pid)
    local inode = (core.stat(exe) or {}).inode
    local text = part and text_of(self.inferior, part, inode)
    if not text or not core.pagemap(pid, part.start, part.stop) then return end
    local own = own_mappings(self.mappings, inode)
    local moved = self.moved or unmoved(self.image, own)
    if not moved then return end
    self.file = core.open_file(exe)
    self.start = { huge = outcome.host.huge_page_size, old = moved.old, new = moved.new,
        aside = self.aside or NOWHERE,
        text = part, offset = text.offset + part.start - text.start, distance = moved.least,
        congruence = moved.congruence, alignment = moved.alignment,
        mappings = own, steps = with_look(self.steps, part) }
end

--- Keeps what was noted, once nobody waits. Where it cannot be kept, as of a program with many
-- mappings, the next start is one like this.
function Notes:keep()
    if not self.file then return end
    pcall(core.keep_start, "/proc/self/fd/" .. self.file, self.start)
    core.syscall("close", self.file)
end

return noting
