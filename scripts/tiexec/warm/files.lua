-- SPDX-License-Identifier: Apache-2.0
--- The files that a start of a program maps: the program, its dynamic linker, and the libraries
-- that these need, where the dynamic linker would find them. Nothing is started for that. What a
-- program opens later, by dlopen, its headers do not tell.

local core = require "tiexec.core"
local needs = require "tiexec.harness.needs"

local files = {}

local MOST <const> = 1024 -- files of one program
-- Where libraries are looked for last. Those of other linkers than glibc's are among them.
local FOLDERS <const> = { "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib" }

-- Gives the first file of a name in some folders, as a list of none or one.
local function in_folders(name, folders)
    for _, folder in ipairs(folders) do
        local path = folder .. "/" .. name
        if core.stat(path) then return { path } end
    end
    return {}
end

-- Where a library is: mostly one path; several, if there are some for several models of the CPU.
-- A file's RUNPATH is for what it needs itself; its RPATH also for what that needs.
local function paths_of(name, file)
    if name:find("/", 1, true) then return { name } end
    local found = in_folders(name, file.needs.runpath or file.rpaths)
    if #found == 0 then found = core.library_paths(name) end
    return #found > 0 and found or in_folders(name, FOLDERS)
end

local function joined(list, more)
    return table.move(more or {}, 1, #(more or {}), #list + 1, table.move(list, 1, #list, 1, {}))
end

-- Adds a file to a list, unless it is there, and gives nil or why it cannot be.
local function add(list, path, from)
    local real = core.realpath(path)
    local found, why = needs.of(real or path)
    if not found then return why end
    local key = ("%x:%x"):format(found.stat.device, found.stat.inode)
    if list.seen[key] or #list >= MOST then return nil end
    list.seen[key] = true
    list[#list + 1] = { path = real, needs = found, by = from and from.path,
        rpaths = found.runpath and {} or joined(found.rpath or {}, from and from.rpaths) }
end

-- Adds what a file needs itself.
local function add_needs(list, file)
    local found = file.needs
    local first = found.interpreter or found.linker -- a script has no linker
    if first then add(list, first, file) end
    for _, name in ipairs(found.libraries) do
        for _, path in ipairs(paths_of(name, file)) do add(list, path, file) end
    end
end

--- Starts an empty list.
-- @treturn table
function files.list() return { seen = {} } end

--- Adds a program, and all that it needs, to a list. What is in the list already is not added.
-- @tparam table list as `files.list` gives it
-- @string path of the program, of a script, or of a library
-- @treturn[1] boolean true
-- @treturn[2] nil, string why it is no such file
function files.add(list, path)
    local at = #list + 1
    local why = add(list, path)
    if why then return nil, why end
    while list[at] do
        add_needs(list, list[at])
        at = at + 1
    end
    return true
end

return files
