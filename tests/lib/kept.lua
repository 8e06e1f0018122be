-- SPDX-License-Identifier: Apache-2.0
--- The files of kept steps (core/replay/steps.h): read, changed, and written back.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local kept = {}

local MAPPINGS <const>, STEPS <const> = 184, 696 -- where the lists begin
local STEP_SIZE <const>, MAPPING_SIZE <const> = 72, 32

--- Where steps of an executable are kept for a user.
function kept.path_of(executable, uid)
    local stat = core.stat(executable)
    return ("/dev/shm/tiexec-%d-starts/%x-%x"):format(uid or core.host().uid, stat.device, stat.inode)
end

local Kept = {}
Kept.__index = Kept

--- Reads a file; nil: there is none.
function kept.read(path)
    local bytes = support.read_file(path)
    if not bytes or #bytes == 0 then return nil end
    local self = setmetatable({ path = path, bytes = bytes }, Kept)
    self.count = self:integer(176)
    return self
end

function Kept:integer(at) return (string.unpack("<i8", self.bytes, at + 1)) end

--- Puts bytes at a place, counted from 0, of a copy.
function Kept:with(at, bytes)
    local changed = self.bytes:sub(1, at) .. bytes .. self.bytes:sub(at + 1 + #bytes)
    return setmetatable({ path = self.path, bytes = changed, count = self.count }, Kept)
end

function Kept:with_integer(at, value) return self:with(at, string.pack("<i8", value)) end

--- The same with another value in a mapping or a step, both counted from 1.
function Kept:with_mapping(i, field, value)
    return self:with_integer(MAPPINGS + (i - 1) * MAPPING_SIZE + 8 * field, value)
end

function Kept:with_step(i, value, number)
    return self:with_integer(STEPS + (i - 1) * STEP_SIZE + 16 + 8 * value, number)
end

function Kept:with_base(i, value, base)
    return self:with(STEPS + (i - 1) * STEP_SIZE + 1 + value, string.char(base))
end

function Kept:kind(i) return self.bytes:byte(STEPS + (i - 1) * STEP_SIZE + 1) end
function Kept:with_kind(i, kind) return self:with(STEPS + (i - 1) * STEP_SIZE, string.char(kind)) end
function Kept:value(i, value) return self:integer(STEPS + (i - 1) * STEP_SIZE + 16 + 8 * value) end

--- Whether a step maps memory at any place.
function Kept:is_aside(i) return self.bytes:byte(STEPS + (i - 1) * STEP_SIZE + 2) == 4 end

--- The same with a last step that shows in smaps that it was taken: the text is advised to be on small pages ("nh").
function Kept:marked()
    local ADVICE <const>, NEW <const>, NUMBER <const> = core.constants.MADV_HUGEPAGE + 1, 2, 0
    local start, stop = self:integer(104), self:integer(112)
    local step = string.pack("<BBBBBBBBi8i8i8i8i8i8i8i8", kept.CALL, NUMBER, NEW, NUMBER, NUMBER, NUMBER, NUMBER,
        NUMBER, assert(self:number_of_madvise()), 0, start, stop - start, ADVICE, 0, 0, 0)
    local changed = self:with(STEPS + self.count * STEP_SIZE, step)
    changed = changed:with_integer(kept.sizes.step_count, self.count + 1)
    changed.count = self.count + 1
    return changed
end

-- The number of the system call: that of a step which advises huge pages.
function Kept:number_of_madvise()
    for i = 1, self.count do
        if self:kind(i) == kept.CALL and self:value(i, 3) == core.constants.MADV_HUGEPAGE then
            return self:integer(STEPS + (i - 1) * STEP_SIZE + 8)
        end
    end
end

--- Writes the file anew.
function Kept:write()
    os.remove(self.path)
    support.write_file(self.path, self.bytes)
    os.execute("chmod 400 " .. self.path)
end

kept.OPEN, kept.CALL, kept.COPY, kept.MOVE, kept.LOOK = 0, 1, 2, 3, 4
kept.sizes = { tiexec = 16, executable = 56, text_stop = 112, mapping_count = 168, step_count = 176 }

return kept
