-- SPDX-License-Identifier: Apache-2.0
--- The copies of the source `shared`: one is found in a folder of the cache (see `cache.lua`), or
-- made there.
--
-- To open a file may have to wait for a process, and that may be the very one that stands still.
-- So for a process that will be held (see harness/files.lua) all is opened before: an existing
-- copy, or the file of a new one. `copies.release` closes what has not been used.

local cache = require "tiexec.sources.cache"
local cache_image = require "tiexec.sources.cache_image"
local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local files = require "tiexec.harness.files"
local marks = require "tiexec.sources.marks"
local room = require "tiexec.harness.room"

local c = core.constants
local copies = {}

local WAIT_MS <const> = 5000 -- how long to wait for another process that is making the copy
local OWNER_READ <const>, OTHERS_READ <const> = 0x100, 0x24 -- permissions 0400 and 0044

-- What was opened for a process that is held: lists of folders; and by the name of a copy, a
-- Descriptor, a Begun, or why there is none.
local opened_folders, prepared = {}, {}

local suspects = {} -- a set of lines: files that somebody should remove

-- ---- finding one --------------------------------------------------------------------------------

-- A file descriptor of this process, which is closed at the end of its scope.
local Descriptor = {}
Descriptor.__index = Descriptor

function Descriptor:__close() core.syscall("close", self.fd) end

local function descriptor(fd, path) return setmetatable({ fd = fd, path = path }, Descriptor) end

-- Gives the part as cache_fill and cache_compare want it (class CacheRange): without its gaps.
local function without_gaps(part)
    local range = { start = part.start, stop = part.stop, offset = part.offset, huge = part.huge,
        pieces = {} }
    for _, piece in ipairs(part.pieces) do
        if piece.perms then range.pieces[#range.pieces + 1] = piece end
    end
    return range
end

-- Notes that a file cannot be used, since somebody should remove it. Gives nil and the reason.
local function suspect(path, why)
    local line = codes.words("copy-suspect", path, why)
    suspects[line] = true
    return nil, line
end

--- Tells whether the reason why there is no copy is a file that somebody should remove.
-- @string why
-- @treturn boolean
function copies.is_suspect(why) return suspects[why] ~= nil end

-- Opens a finished copy. Gives its descriptor, with its `path`; nil if there is none; or nil and
-- why it cannot be used.
local function open(folders, name, part)
    local least_size = part.offset + part.stop - part.start
    for _, folder in ipairs(folders) do
        local path = folder:path_of(name)
        local fd, why, errno = core.cache_open(folder.fd, name, least_size)
        if fd then
            local copy = descriptor(fd, path)
            copy.mark = marks.read(folder.fd, name)
            return copy
        end
        if errno ~= c.ENOENT then
            return suspect(path, (why:gsub("^" .. name:gsub("%p", "%%%0") .. ": ", "")))
        end
    end
end

-- Gives the copy back if it has the bytes of the target: as a mark says, which was made when both
-- files were as they are now, or by comparison. Else closes it, and gives nil and why.
local function check(target, copy, part)
    local mark, age = marks.of(target, copy, part)
    if mark and mark == copy.mark then return copy end
    local ok, why, errno = target.cache_compare(copy.fd, without_gaps(part))
    if ok then
        marks.make(copy.path, mark, age)
        return copy
    end
    copy:__close()
    if errno ~= c.EILSEQ then return nil, why end -- the target's fault, not the file's
    return suspect(copy.path, "its contents are not the program's")
end

-- ---- making one ---------------------------------------------------------------------------------

-- A copy that has been begun (class Begun). It is removed at the end of its scope, unless it was
-- finished.
local Begun = {}
Begun.__index = Begun

function Begun:__close()
    if not self.finished then core.cache_abandon(self.folder.fd, self.name) end
    core.syscall("close", self.fd)
    if self.reader then self.reader:__close() end
end

local function own_folder(folders)
    for _, folder in ipairs(folders) do
        if folder.own then return folder end
    end
end

-- Begins a copy, or waits until another process has made it. Gives a Begun, or nil and why not, or
-- nil if there is one by now.
local function begin(folders, complaint, name, part)
    local folder = own_folder(folders)
    if not folder then return nil, complaint or codes.words("no-folder") end
    cache.prune(folders) -- else copies of programs that are gone would fill the memory
    local has_room, full = cache.has_room(folder, part.offset + part.stop - part.start)
    if not has_room then return nil, full end
    local fd, why, errno = core.cache_begin(folder.fd, name, WAIT_MS)
    if errno == c.EEXIST then return nil end
    if errno == c.ETIMEDOUT then return nil, codes.words("copy-in-the-making") end
    if not fd then return nil, why end
    return setmetatable({ fd = fd, folder = folder, name = name }, Begun)
end

-- The bytes that a copy has before and after its text.
local function around(begun, part)
    if begun.before then return begun.before, begun.after end
    return cache_image.around(part.original, part.start - part.original.bias, part.offset,
        part.stop - part.start)
end

-- Writes a copy that has been begun, and finishes it. Others may read it if they may read the
-- original. true, or nil and why not.
local function write(target, begun, part)
    local size, fd = part.stop - part.start, begun.fd
    local before, after = around(begun, part)
    local ok, why, errno = target.cache_fill(fd, without_gaps(part))
    if ok then ok, why, errno = core.cache_put(fd, 0, before) end
    if ok and after ~= "" then ok, why, errno = core.cache_put(fd, part.offset + size, after) end
    if ok then
        local mode = OWNER_READ | part.original.stat.mode & OTHERS_READ
        ok, why, errno = core.cache_finish(begun.folder.fd, begun.name, fd, mode)
    end
    begun.finished = ok
    if errno == c.EAGAIN then
        why = codes.words("no-free-pages")
    end
    return ok, why
end

-- ---- for a process that will be held ------------------------------------------------------------

-- The begun copy is opened for reading, too: the process must not get it writable.
local function prepare_new(begun, part)
    local fd, why = core.open_file("/proc/self/fd/" .. begun.fd)
    if not fd then
        begun:__close()
        return why
    end
    begun.reader = descriptor(fd, begun.folder:path_of(begun.name))
    begun.before, begun.after = around(begun, part)
    return begun
end

--- Opens the copy of a part, or begins one, before its process is stopped.
-- @string name of the copy
-- @tparam table part see shared.lua
function copies.prepare(name, part)
    if prepared[name] then return end
    local folders, complaint = cache.folders(true)
    table.insert(opened_folders, folders)
    local copy, why = open(folders, name, part)
    if not copy and not why then
        copy, why = begin(folders, complaint, name, part)
        if copy then
            copy = prepare_new(copy, part)
        elseif not why then
            copy, why = open(folders, name, part)
        end
    end
    prepared[name] = copy or why or codes.words("copy-removed")
end

--- Closes what was prepared, and removes what was begun and is not finished.
function copies.release()
    for _, entry in pairs(prepared) do
        if type(entry) == "table" then entry:__close() end
    end
    for _, folders in ipairs(opened_folders) do getmetatable(folders).__close() end
    opened_folders, prepared = {}, {}
end

local function get_prepared(target, name, part)
    local entry = prepared[name]
    if type(entry) ~= "table" then return nil, entry or codes.words("mapped-late") end
    if getmetatable(entry) == Descriptor then
        prepared[name] = "it has been mapped already"
        return check(target, entry, part)
    end
    local ok, why = room.for_copy(part.stop - part.start)
    if ok then ok, why = write(target, entry, part) end
    if not ok then return nil, why end
    local copy = entry.reader
    entry.reader = nil
    return check(target, copy, part)
end

local function find(name, part)
    local folders <close> = cache.folders(false)
    return open(folders, name, part)
end

-- Makes a copy, and opens it as others do.
local function make(target, name, part)
    -- This process touches the memory first, so that its control groups are charged with it.
    local ok, why = room.for_copy(part.stop - part.start)
    if not ok then return nil, why end
    local folders <close>, complaint = cache.folders(true)
    local begun <close>, refused = begin(folders, complaint, name, part)
    if refused then return nil, refused end
    if begun then ok, why = write(target, begun, part) end
    if not ok then return nil, why end
    return open(folders, name, part)
end

--- Finds the copy of a part, or makes it.
-- @tparam Target target
-- @string name of the copy
-- @tparam table part see shared.lua
-- @treturn[1] table `fd`, a descriptor of this process, and `path`; to be closed
-- @treturn[2] nil, string why there is none
function copies.get(target, name, part)
    if files.is_held(target.pid) then return get_prepared(target, name, part) end
    local copy, why = find(name, part)
    if not copy and not why then copy, why = make(target, name, part) end
    if not copy then return nil, why or codes.words("copy-removed") end
    return check(target, copy, part)
end

return copies
