-- SPDX-License-Identifier: Apache-2.0
--- The copies that the source `shared` makes: where they lie, what they are called, and how to see and
-- remove them.
--
-- A copy is named after what it is a copy of, so that another build never has the same name:
-- BASENAME@BUILD_ID-DEVICE-INODE-MTIME-SIZE-ADDRESS-LENGTH-LAYOUT. The basename is for people. Its text
-- begins at one huge page; before that is an ELF header, see `tiexec.cache_image`.

local cache_image = require "tiexec.sources.cache_image"
local core = require "tiexec.core"
local exit = require "tiexec.base.exit"
local message = require "tiexec.base.message"
local text = require "tiexec.base.text"

local c = core.constants
local cache = {}

local TEMPORARY <const> = "%.tmp$"
local KEY <const> = "@(%w+)%-(%x+)%-(%x+)%-(%x+)%-(%x+)%-(%x+)%-(%x+)%-(%x+)$"

-- ---- folders ---------------------------------------------------------------------------------------

local Folder = {}
Folder.__index = Folder

function Folder:__close() core.syscall("close", self.fd) end

--- The path of one of its files.
function Folder:path_of(name) return self.path .. "/" .. name end

-- Where to look, in order; `make`: it is this user's, made when it is missing.
local function places()
    local chosen, uid = os.getenv("TIEXEC_CACHE"), core.host().uid
    if chosen and chosen ~= "" then return { { path = chosen, make = true } } end
    local list = { { path = "/run/tiexec" } }
    local runtime = os.getenv("XDG_RUNTIME_DIR")
    local stat = runtime and runtime:sub(1, 1) == "/" and core.stat(runtime)
    if stat and stat.uid == uid then list[2] = { path = runtime .. "/tiexec", make = true } end
    list[#list + 1] = { path = "/dev/shm/tiexec-" .. uid, make = true }
    return list
end

--- The folders that there are and that can be trusted, to be closed with `cache.close`.
-- @bool make make this user's own, if there is none to write to
-- @treturn table list of `path`, `fd`, `own`: this user's, so that copies can be made there
-- @treturn string why the last of those that cannot be used is not, or nil
function cache.folders(make)
    local list, complaint, has_own, uid = {}, nil, false, core.host().uid
    for _, place in ipairs(places()) do
        local fd, why, errno = core.cache_open_folder(place.path, make and place.make and not has_own)
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

-- ---- names -----------------------------------------------------------------------------------------

-- Which bytes of the file lie where in the range, however they are divided among mappings.
local function layout_of(range)
    local words, last = {}, nil
    for _, piece in ipairs(range.pieces) do
        if piece.perms then
            local start, difference = piece.start - range.start, piece.start - piece.offset - range.start
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

--- The name of the copy of a range.
-- @tparam table original `path`, `stat`, `build_id` or nil
-- @int address of the range in the object
-- @tparam table range `start`, `stop`, `pieces`
function cache.name(original, address, range)
    local stat = original.stat
    local base = original.path:match("[^/]*$"):gsub("[^%w._+-]", "_"):sub(1, 64)
    local layout = core.digest(layout_of(range)) -- it keeps names apart; what counts is that bytes are compared
    return ("%s@%s-%x-%x-%x-%x-%x-%x-%s"):format(base, original.build_id or "0", stat.device, stat.inode,
        stat.mtime, stat.size, address, range.stop - range.start, layout)
end

-- ---- list, clear, prune ----------------------------------------------------------------------------

-- How many processes map each file, by name. Only those that this user may look into.
local function count_users()
    local users = {}
    for _, pid in ipairs(core.list_folder("/proc") or {}) do
        local seen, maps = {}, pid:find("^%d+$") and core.read_file(("/proc/%s/maps"):format(pid)) or ""
        for name in maps:gmatch("/([^/\n]*@[^/\n]*)\n") do
            if not seen[name] then users[name] = (users[name] or 0) + 1 end
            seen[name] = true
        end
    end
    return users
end

-- The files of a folder that are copies, finished or not; others are not ours to touch.
local function copies(folder)
    local list = {}
    for _, name in ipairs(core.list_folder(folder.path) or {}) do
        if name:gsub(TEMPORARY, ""):find(KEY) then
            local path = folder:path_of(name)
            list[#list + 1] = { name = name, path = path, stat = core.stat(path, true),
                temporary = name:find(TEMPORARY) ~= nil, original = cache_image.original_of(path) }
        end
    end
    return list
end

-- Whether what a file is a copy of is still there, as it was.
local function is_current(copy)
    local stat = copy.original and core.stat(copy.original)
    if not stat then return false end
    local _, device, inode, mtime, size = copy.name:match(KEY)
    return ("%x %x %x %x"):format(stat.device, stat.inode, stat.mtime, stat.size)
        == ("%s %s %s %s"):format(device, inode, mtime, size)
end

local function list_all(folders)
    local users, lines = count_users(), {}
    for _, folder in ipairs(folders) do
        for _, copy in ipairs(copies(folder)) do
            lines[#lines + 1] = ("%10s %5d  %s  %s\n"):format(text.size((copy.stat or {}).allocated or 0),
                users[copy.name] or 0, text.visible(copy.original or "?"), copy.path)
        end
    end
    io.stdout:write(("%10s %5s  %s\n"):format("size", "users", "program, file"), table.concat(lines))
    return true
end

-- A copy that is being made holds its lock; only what a killed process left can be taken over.
local function remove_temporary(folder, copy)
    local name = copy.name:gsub(TEMPORARY, "")
    local fd, why, errno = core.cache_begin(folder.fd, name, 0)
    if not fd then return errno == c.EEXIST or errno == c.ETIMEDOUT, why end
    core.cache_abandon(folder.fd, name)
    core.syscall("close", fd)
    return true
end

local function remove(folders, which)
    local all = true
    for _, folder in ipairs(folders) do
        for _, copy in ipairs(folder.own and copies(folder) or {}) do
            local ok, why = true, nil
            if copy.temporary then
                ok, why = remove_temporary(folder, copy)
            elseif which(copy) then
                ok, why = os.remove(copy.path)
            end
            if not ok then message.say("%s", why) end
            all = all and ok
        end
    end
    return all
end

--- Removes copies whose original is gone or has changed, and what killed processes left.
function cache.prune(folders)
    return remove(folders, function(copy) return not is_current(copy) end)
end

--- What `--cache` may be told to do.
cache.actions = {
    list = list_all,
    prune = cache.prune,
    clear = function(folders) return remove(folders, function() return true end) end,
}

--- Does one of them. Processes that use a copy keep it: what is removed is its name.
-- @string action
-- @treturn int the exit status
function cache.run(action)
    local folders <close>, why = cache.folders(false)
    if #folders == 0 and why then
        message.say("%s", why)
        return exit.FAILED
    end
    return cache.actions[action](folders) and 0 or exit.FAILED
end

return cache
