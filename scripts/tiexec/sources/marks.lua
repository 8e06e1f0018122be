-- SPDX-License-Identifier: Apache-2.0
--- Marks of the source `shared`: that a copy was compared with its original. To compare them takes
-- longer than all else, so it is done once, and a mark beside the copy says of which state of both
-- files it is true. A start trusts a mark under the rules for copies: it belongs to this user or
-- root, and others cannot write to it.
--
-- A state of a file is its stamp (core/os/stamp.h). What it does not tell of is in
-- docs/INTERNALS.md.

local core = require "tiexec.core"
local files = require "tiexec.harness.files"

local marks = {}

local TMPFS <const> = 0x01021994 -- on hugetlbfs a mark would take a huge page
local RACY <const> = 2000000000 -- nanoseconds: two changes within this time may have one stamp
local MOST <const> = 4096 -- bytes of a mark
local MODE <const> = 0x124 -- 0444

-- Names with a dot are no copies, and are listed nowhere.
local function name_of(copy_name) return ("." .. copy_name .. ".mark") end

--- Reads the mark of a copy.
-- @int folder file descriptor
-- @string name of the copy
-- @treturn ?string nil: there is none, or it is not to be trusted
function marks.read(folder, name)
    local fd = core.cache_open(folder, name_of(name), 1)
    if not fd then return nil end
    local text = core.read_file("/proc/self/fd/" .. fd, MOST)
    core.syscall("close", fd)
    return text and text:match("^[^\0]*")
end

--- Writes a mark that is true for the present state of a copy and of the file of a part; nil if
-- that state cannot be told. While the target stands still its file is not looked at.
-- @tparam Target target
-- @tparam table copy `fd`
-- @tparam table part see shared.lua
-- @treturn ?string
-- @treturn ?int the nanoseconds since the last change of one of them
function marks.of(target, copy, part)
    if files.is_held(target.pid) then return nil end
    local original = core.stamp(part.original.readable)
    if not original or not files.is_same(target.pid, part.text, original) then return nil end
    local its = core.stamp("/proc/self/fd/" .. copy.fd)
    if not its then return nil end
    return ("compared\noriginal %s\ncopy %s\n"):format(original.text, its.text),
        math.min(original.age, its.age)
end

-- Puts a mark into a folder, in place of an older one.
local function put(folder, path, name, mark)
    os.remove(path)
    local fd = core.cache_begin(folder, name, 0)
    if not fd then return end
    local ok = core.cache_put(fd, 0, mark) and core.cache_finish(folder, name, fd, MODE)
    if not ok then core.cache_abandon(folder, name) end
    core.syscall("close", fd)
end

--- Notes that a copy was compared. What has just been changed gets no mark: it could be changed
-- again without another stamp. Where no mark can be made, the next start compares again.
-- @string path of the copy
-- @tparam ?string mark what `marks.of` gave before the comparison
-- @tparam ?int age likewise
function marks.make(path, mark, age)
    if not mark or age < RACY then return end
    local place, copy_name = path:match("^(.*)/([^/]*)$")
    if core.filesystem_type(place) ~= TMPFS then return end
    local folder = core.cache_open_folder(place, false)
    if not folder then return end
    local name = name_of(copy_name)
    put(folder, place .. "/" .. name, name, mark)
    core.syscall("close", folder)
end

--- Removes the mark of a copy that is gone.
-- @string path of the copy
function marks.remove(path)
    local place, name = path:match("^(.*)/([^/]*)$")
    os.remove(place .. "/" .. name_of(name))
end

return marks
