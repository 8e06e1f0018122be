-- SPDX-License-Identifier: Apache-2.0
--- The files that a process has mapped: by which path this process can read each, and its image.
--
-- A path in /proc/PID/maps is the process's own: here, in another mount namespace, it may lead to
-- another file. So files are told apart by device and inode. Those in maps are the kernel's own.
-- Where stat(2) tells another device, as on btrfs and overlayfs, /proc/PID/map_files decides, which
-- is the file itself (as root), or else the bytes do.
--
-- To open a file may have to wait for a process: a FUSE daemon, a listener of fanotify. If that is
-- the one that is about to be stopped, the wait has no end. So `files.prepare` opens them all
-- before the stop, and from `files.hold` to `files.release` no others are opened.

local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local protection = require "tiexec.harness.protection"

local files = {}

local SAMPLE <const> = 1 << 20 -- bytes that are compared where nothing else tells

local known = {} -- by process id: files by their keys
local held = {} -- by process id: true from `files.hold` to `files.release`

-- ---- the same file? -----------------------------------------------------------------------------

-- Gives the device number that stat(2) tells, for the two halves of it that maps shows.
local function device_of(m)
    return (m.major & 0xfffff000) << 32 | (m.major & 0xfff) << 8 | (m.minor & 0xffffff00) << 12
        | m.minor & 0xff
end

-- Gives a part of what a process has in a mapping that nobody has written to, or nil.
local function bytes_in_memory(pid, m, size)
    local file <close> = io.open(("/proc/%d/mem"):format(pid), "rb")
    return file and file:seek("set", m.start) and file:read(size)
end

local function has_same_bytes(pid, m, path)
    if protection.is_writable(m.perms) or not protection.is_readable(m.perms) then return false end
    local file <close> = io.open(path, "rb")
    if not file or not file:seek("set", m.offset) then return false end
    local bytes = file:read(math.min(SAMPLE, m.stop - m.start)) or ""
    return #bytes > 0 and bytes == bytes_in_memory(pid, m, #bytes)
end

--- Tells whether a file is that of a mapping, by what the kernel says.
-- @int pid
-- @tparam Mapping m of that process
-- @tparam table stat `inode` and `device`, as stat(2) tells them
-- @treturn ?boolean nil: the kernel does not say
function files.is_same(pid, m, stat)
    if m.inode == stat.inode and device_of(m) == stat.device then return true end
    local real = core.stat(("/proc/%d/map_files/%x-%x"):format(pid, m.start, m.stop))
    return real and real.inode == stat.inode and real.device == stat.device
end

-- Tells whether a path leads to the file of a mapping.
local function is_file_of(pid, m, path, stat)
    local is_same = files.is_same(pid, m, stat)
    if is_same ~= nil then return is_same end
    return m.inode == stat.inode and has_same_bytes(pid, m, path)
end

-- ---- looking for files --------------------------------------------------------------------------

-- Lists the paths by which a file may be reached: as the executable, as this process sees it, as
-- the other does.
local function candidates(pid, m, executable)
    local list = {}
    if executable == m.path then list[1] = ("/proc/%d/exe"):format(pid) end
    list[#list + 1] = m.path
    list[#list + 1] = ("/proc/%d/root%s"):format(pid, m.path)
    return list
end

local function look_for(pid, m, executable)
    for _, path in ipairs(candidates(pid, m, executable)) do
        local stat = core.stat(path)
        if stat and is_file_of(pid, m, path, stat) then
            return { path = path, stat = stat, image = images.of(path, stat) }
        end
    end
    -- The path leads to another file by now. The headers can be had all the same, as root.
    local image = core.image(("/proc/%d/map_files/%x-%x"):format(pid, m.start, m.stop))
    return { image = image }
end

local function key_of(m) return ("%x:%x:%x %s"):format(m.major, m.minor, m.inode, m.path) end

--- Gives the path of a process's executable.
-- @int pid
-- @treturn ?string
function files.executable(pid) return core.readlink(("/proc/%d/exe"):format(pid)) end

--- Finds the file of a mapping. Of a process that was not prepared nothing is remembered.
-- @int pid
-- @tparam Mapping m of that process
-- @string[opt] executable what `files.executable` has given, if the caller has it
-- @treturn[1] MappedFile
-- @treturn[2] nil the process is held, and the file was not looked for before
function files.of(pid, m, executable)
    local list = known[pid]
    local key = list and key_of(m)
    if list and (list[key] or held[pid]) then return list[key] end
    local file = look_for(pid, m, executable or files.executable(pid))
    if list then list[key] = file end
    return file
end

-- ---- while a process stands still ---------------------------------------------------------------

-- Iterates over the private mappings of files, as objects have them.
local function mappings_of_files(pid, mappings)
    local list, i = mappings or core.mappings(pid, false, true) or {}, 0
    return function()
        repeat i = i + 1 until not list[i]
            or list[i].inode ~= 0 and not protection.is_shared(list[i].perms)
        return list[i]
    end
end

--- Looks for all files that a process has mapped, and opens those with text. Of a file whose text
-- was replaced there may be mapped nothing but its headers. What is known of other processes is
-- forgotten.
-- @int pid
function files.prepare(pid)
    for other in pairs(known) do files.forget(other) end
    known[pid] = {}
    local is_text = {}
    for m in mappings_of_files(pid) do
        is_text[key_of(m)] = is_text[key_of(m)] or protection.is_executable(m.perms)
    end
    for m in mappings_of_files(pid) do
        local file = files.of(pid, m)
        local has_text = is_text[key_of(m)] or file.image
        if file.path and has_text and not file.handle then
            file.handle = core.open_file(file.path)
            file.direct = core.open_file(file.path, true)
        end
    end
end

--- From now on files that are not known are not looked for: the process is about to stand still.
-- @int pid
function files.hold(pid) held[pid] = true end

--- The process runs again.
-- @int pid
function files.release(pid) held[pid] = nil end

--- Tells whether a process is held.
-- @int pid
-- @treturn boolean
function files.is_held(pid) return held[pid] or false end

--- Tells whether all files that a process has mapped with text are known.
-- @int pid that is held
-- @tparam[opt] table mappings its mappings, if the caller has them
-- @treturn boolean
function files.is_complete(pid, mappings)
    for m in mappings_of_files(pid, mappings) do
        if protection.is_executable(m.perms) and not files.of(pid, m) then return false end
    end
    return true
end

--- Closes the files of a process, and forgets them.
-- @int pid
function files.forget(pid)
    for _, file in pairs(known[pid] or {}) do
        if file.handle then core.syscall("close", file.handle) end
        if file.direct then core.syscall("close", file.direct) end
    end
    known[pid] = nil
end

return files
