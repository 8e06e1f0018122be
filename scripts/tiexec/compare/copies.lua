-- SPDX-License-Identifier: Apache-2.0
--- Private copies of the files that a program maps, for runs as if the files had never been huge. A
-- run finds the copies in the files' places, in a mount namespace of its own, so that it sees
-- nothing but the paths of the files.

local core = require "tiexec.core"
local text = require "tiexec.base.text"

local copies = {}

local LEAST <const> = 128 << 10 -- of text, in a file that is worth a copy
local TMPFS <const>, RAMFS <const> = 0x01021994, 0x858458f6

-- Whether copies of `bytes` can lie in a folder.
local function is_fit(folder, bytes)
    local stat, kind = core.stat(folder), core.filesystem_type(folder)
    if not stat or kind == TMPFS or kind == RAMFS then return false end
    local free, may_execute = core.free_space(folder)
    return free and may_execute and free > 2 * bytes
end

-- Finds a folder for the copies, on the filesystem of the program if that can be.
local function find_folder(program, bytes)
    local folders = { os.getenv("TMPDIR") or "/var/tmp", "/var/tmp", "/tmp",
        program:match("^(.*)/[^/]*$") or "." }
    local device, other = core.stat(program).device, nil
    for _, folder in ipairs(folders) do
        if is_fit(folder, bytes) then
            if core.stat(folder).device == device then return folder end
            other = other or folder
        end
    end
    return other
end

-- The files that are to be copied, by what the warm-up runs have reported.
local function files_of(program, reports)
    local list, seen, bytes = {}, {}, 0
    local function add(path)
        local stat = not seen[path] and core.stat(path)
        seen[path] = true
        if stat then
            list[#list + 1] = path
            bytes = bytes + stat.size
        end
    end
    add(program)
    for _, report in ipairs(reports) do
        for _, mapping in ipairs(report.mappings or {}) do
            local is_file = mapping.object:find("^/") and not mapping.object:find(" %(deleted%)$")
            if is_file and mapping.bytes >= LEAST then add(mapping.object) end
        end
    end
    return list, bytes
end

-- Copies the files into a folder. Gives a table of copies by the files' paths.
local function copy_all(list, folder)
    local stand_ins = {}
    for i, path in ipairs(list) do
        local copy = ("%s/%d"):format(folder, i)
        local ok, why = core.copy_file(path, copy)
        if not ok then return nil, why end
        stand_ins[path] = copy
    end
    return stand_ins
end

--- Makes the copies.
-- @string program the path of the executable
-- @tparam table reports list of what `--report` has written
-- @treturn[1] Copies to be closed
-- @treturn[2] nil, string why there are none
function copies.make(program, reports)
    local real, why = core.realpath(program)
    if not real then return nil, why end
    local list, bytes = files_of(real, reports)
    local parent = find_folder(real, bytes)
    if not parent then
        return nil, ("there is no room for %s on a disk"):format(text.size(bytes))
    end
    local scratch, folder = core.scratch(parent)
    if not scratch then return nil, folder end
    local stand_ins
    stand_ins, why = copy_all(list, folder)
    if not stand_ins then
        scratch:close()
        return nil, why
    end
    return { scratch = scratch, stand_ins = stand_ins, count = #list, bytes = bytes,
        folder = folder }
end

return copies
