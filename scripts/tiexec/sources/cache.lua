-- SPDX-License-Identifier: Apache-2.0
--- The cache: the copies that the source `shared` makes, their folders, their names, and how they
-- are listed and removed.
--
-- A copy is a file that is named after its original, so that copies of two builds never have the
-- same name: BASENAME@BUILD_ID-DEVICE-INODE-MTIME-SIZE-ADDRESS-LENGTH-LAYOUT. The basename is
-- for people. `cache_image.lua` tells what the file holds.

local cache_image = require "tiexec.sources.cache_image"
local conf = require "tiexec.base.conf"
local core = require "tiexec.core"
local exit = require "tiexec.base.exit"
local marks = require "tiexec.sources.marks"
local message = require "tiexec.base.message"
local text = require "tiexec.base.text"

local c = core.constants
local cache = {}

local TEMPORARY <const> = "%.tmp$"
local FILE_TYPE <const>, REGULAR_FILE <const> = 0xf000, 0x8000 -- S_IFMT, S_IFREG of stat(2)
local KEY <const> = "@(%w+)%-(%x+)%-(%x+)%-(%x+)%-(%x+)%-(%x+)%-(%x+)%-(%x+)$"

-- ---- folders ------------------------------------------------------------------------------------

local Folder = {}
Folder.__index = Folder

function Folder:__close() core.syscall("close", self.fd) end

--- Gives the path of a file in the folder.
-- @string name
-- @treturn string
function Folder:path_of(name) return self.path .. "/" .. name end

-- Lists the places where copies may lie, the preferred one first. `make`: the place is this
-- user's, and its folder is made when a copy needs it.
local function places()
    local is_secure, uid = core.is_secure(), core.host().uid
    local chosen = not is_secure and os.getenv("TIEXEC_CACHE")
    if chosen and chosen ~= "" then return { { path = chosen, make = true } } end
    local folder = conf.value("cache-folder")
    if folder then return { { path = folder, make = true } } end
    local list = { { path = "/run/tiexec" } }
    local runtime = not is_secure and os.getenv("XDG_RUNTIME_DIR")
    local stat = runtime and runtime:sub(1, 1) == "/" and core.stat(runtime)
    if stat and stat.uid == uid then list[2] = { path = runtime .. "/tiexec", make = true } end
    list[#list + 1] = { path = "/dev/shm/tiexec-" .. uid, make = true }
    return list
end

--- Opens the folders that exist and that can be trusted.
-- @bool make make a folder of this user's, if there is none
-- @treturn table list of `path`, `fd`, `own` (it is this user's, so copies can be made there);
-- to be closed
-- @treturn ?string why the last folder that exists but cannot be used is not trusted; nil: all
-- can be used
function cache.folders(make)
    local list, complaint, has_own, uid = {}, nil, false, core.host().uid
    for _, place in ipairs(places()) do
        local make_it = make and place.make and not has_own
        local fd, why, errno = core.cache_open_folder(place.path, make_it)
        if fd then
            local own = (core.stat(place.path) or {}).uid == uid
            has_own = has_own or own
            list[#list + 1] = setmetatable({ path = place.path, fd = fd, own = own }, Folder)
        elseif errno ~= c.ENOENT then
            complaint = why
        end
    end
    return setmetatable(list, { __close = function()
        for _, folder in ipairs(list) do folder:__close() end
    end }), complaint
end

-- ---- names --------------------------------------------------------------------------------------

-- Says which bytes of the file lie where in the range. Pieces that continue each other count as
-- one, so that it makes no difference how the range is divided among mappings.
local function layout_of(range)
    local words, last = {}, nil
    for _, piece in ipairs(range.pieces) do
        if piece.perms then
            local start = piece.start - range.start
            local difference = start - piece.offset
            if last and last.stop == start and last.difference == difference then
                words[#words] = nil
                start = last.start
            end
            last = { start = start, stop = piece.stop - range.start, difference = difference }
            words[#words + 1] = ("%x-%x:%x"):format(start, last.stop, difference)
        end
    end
    return table.concat(words, " ")
end

--- Gives the name of the copy of a range.
-- @tparam Original original
-- @int address of the range in that file, without the load bias
-- @tparam table range a Range with `pieces`, a list of Piece
-- @treturn string
function cache.name(original, address, range)
    local stat = original.stat
    local base = original.path:match("[^/]*$"):gsub("[^%w._+-]", "_"):sub(1, 64)
    local layout = core.digest(layout_of(range)) -- no proof of anything: bytes are compared
    return ("%s@%s-%x-%x-%x-%x-%x-%x-%s"):format(base, original.build_id or "0", stat.device,
        stat.inode, stat.mtime, stat.size, address, range.stop - range.start, layout)
end

-- ---- list, clear, prune -------------------------------------------------------------------------

-- Counts by name how many processes map each copy. Processes that this user may not look into are
-- not counted.
local function count_users()
    local users = {}
    for _, pid in ipairs(core.list_folder("/proc") or {}) do
        local is_process, seen = pid:find("^%d+$"), {}
        local maps = is_process and core.read_file(("/proc/%s/maps"):format(pid)) or ""
        for name in maps:gmatch("/([^/\n]*@[^/\n]*)\n") do
            if not seen[name] then users[name] = (users[name] or 0) + 1 end
            seen[name] = true
        end
    end
    return users
end

-- Lists the copies in a folder, finished or not. Other files there are left alone.
local function copies(folder)
    local list = {}
    for _, name in ipairs(core.list_folder(folder.path) or {}) do
        if name:gsub(TEMPORARY, ""):find(KEY) then
            local path = folder:path_of(name)
            local stat = core.stat(path, true)
            local is_file = stat and stat.mode & FILE_TYPE == REGULAR_FILE
            list[#list + 1] = { name = name, path = path, stat = stat,
                temporary = name:find(TEMPORARY) ~= nil,
                original_path = is_file and cache_image.original_of(path) or nil }
        end
    end
    return list
end

local units <const> = { [""] = 1, K = 1 << 10, M = 1 << 20, G = 1 << 30 }

--- Tells whether the folder may have a copy more: the setting cache-size of tiexec.conf is the most
-- that all copies in it may have.
-- @tparam Folder folder
-- @int size of the copy, bytes
-- @treturn[1] boolean true
-- @treturn[2] nil, string why not
function cache.has_room(folder, size)
    local value = conf.value("cache-size")
    if not value then return true end
    local digits, unit = value:upper():match("^(%d+)([KMG]?)$")
    if not digits then return nil, ("%s: cache-size: '%s' is no size"):format(conf.path, value) end
    local used = size
    for _, copy in ipairs(copies(folder)) do used = used + (copy.stat and copy.stat.size or 0) end
    if used <= tonumber(digits) * units[unit] then return true end
    return nil, ("%s is full: cache-size is %s"):format(folder.path, value)
end

-- Tells whether the original of a copy still exists and is unchanged.
local function is_current(copy)
    local stat = copy.original_path and core.stat(copy.original_path)
    if not stat then return false end
    local _, device, inode, mtime, size = copy.name:match(KEY)
    return ("%x %x %x %x"):format(stat.device, stat.inode, stat.mtime, stat.size)
        == ("%s %s %s %s"):format(device, inode, mtime, size)
end

local function list_all(folders)
    local users, lines = count_users(), {}
    for _, folder in ipairs(folders) do
        for _, copy in ipairs(copies(folder)) do
            local size = text.size((copy.stat or {}).allocated or 0)
            lines[#lines + 1] = ("%10s %5d  %s  %s\n"):format(size, users[copy.name] or 0,
                text.visible(copy.original_path or "?"), copy.path)
        end
    end
    local header = ("%10s %5s  %s\n"):format("size", "users", "program, file")
    io.stdout:write(header, table.concat(lines))
    return true
end

-- Removes an unfinished copy that a killed process has left. A process that is making a copy
-- holds its lock: that copy stays.
local function remove_temporary(folder, copy)
    local name = copy.name:gsub(TEMPORARY, "")
    local fd, why, errno = core.cache_begin(folder.fd, name, 0)
    if not fd then return errno == c.EEXIST or errno == c.ETIMEDOUT, why end
    core.cache_abandon(folder.fd, name)
    core.syscall("close", fd)
    return true
end

-- Removes the copies that `which` is true for, and unfinished ones, from this user's folders.
-- Failures are told in messages. Gives true if there were none.
local function remove(folders, which)
    local all = true
    for _, folder in ipairs(folders) do
        for _, copy in ipairs(folder.own and copies(folder) or {}) do
            local ok, why = true, nil
            if copy.temporary then
                ok, why = remove_temporary(folder, copy)
            elseif which(copy) then
                local errno
                ok, why, errno = os.remove(copy.path)
                ok = ok or errno == c.ENOENT -- another process was faster
                if ok then marks.remove(copy.path) end
            end
            if not ok then message.say("%s", why) end
            all = all and ok
        end
    end
    return all
end

-- Removes the steps of starts that this user has kept (core/replay).
local function remove_starts()
    local folder = core.starts_folder()
    for _, name in ipairs(core.list_folder(folder) or {}) do
        if name:find("^%x+%-%x+$") then os.remove(folder .. "/" .. name) end
    end
end

--- Removes copies whose original is gone or has changed, and copies that killed processes left
-- unfinished. Failures are told in messages.
-- @tparam table folders as `cache.folders` gives them
-- @treturn boolean true: there were no failures
function cache.prune(folders)
    return remove(folders, function(copy) return not is_current(copy) end)
end

--- The actions of `--cache`, by name. Each takes the folders, and gives true if it had no failures.
cache.actions = {
    list = list_all,
    prune = cache.prune,
    clear = function(folders)
        remove_starts()
        return remove(folders, function() return true end)
    end,
}

--- Carries out an action of `--cache`. Processes that use a copy keep it even if the action removes
-- its name.
-- @string action a key of `cache.actions`
-- @treturn int exit status
function cache.run(action)
    local folders <close>, why = cache.folders(false)
    if #folders == 0 and why then
        message.say("%s", why)
        return exit.FAILED
    end
    return cache.actions[action](folders) and 0 or exit.FAILED
end

return cache
