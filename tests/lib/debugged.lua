-- SPDX-License-Identifier: Apache-2.0
-- Programs on huge pages of each source, for debuggers and profilers to look at.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local debugged = {}

local POOL_PAGES <const> = 32
local START_S <const> = 60

-- The field of smaps that tells of each.
local fields = { file = "FilePmdMapped", shared = "ShmemPmdMapped", thp = "AnonHugePages", hugetlb = "Private_Hugetlb" }

debugged.sources = { "file", "shared", "thp", "hugetlb" }

--- Sets the host up for a file of tests, and `restore` puts it back.
function debugged.prepare()
    local pipe <close> = assert(io.popen("mktemp -d /dev/shm/tiexec-test-XXXXXX")) -- mode 700
    debugged.cache = pipe:read("l")
    debugged.pool, debugged.mode = support.pool(POOL_PAGES), support.thp("madvise")
end

function debugged.restore()
    for _, value in pairs { debugged.pool, debugged.mode } do getmetatable(value).__close() end
    os.execute("rm -rf " .. debugged.cache)
end

--- The words that start a program from a source; nil: as it is without tiexec.
function debugged.words(source, words, options)
    if not source then return words end
    local all = { "env", "TIEXEC_CACHE=" .. debugged.cache, support.tiexec, "--sources", source }
    for _, list in ipairs { options or {}, words } do table.move(list, 1, #list, #all + 1, all) end
    return all
end

--- Whether a source cannot be had here: why not.
function debugged.lacks(source)
    if source == "hugetlb" and not debugged.pool then return "no hugetlb pool: not root, or no memory" end
end

--- Starts a program and waits until it is by itself.
-- @treturn[1] process
-- @treturn[2] nil, string why its text is not huge here, by no fault of tiexec's
function debugged.start(source, words, options)
    local process = support.start(debugged.words(source, words, options))
    local name = words[1]:match("[^/]*$")
    assert(support.wait_for(function()
        local exe = core.readlink("/proc/" .. process.pid .. "/exe") or ""
        return exe:match("[^/]*$") == name and core.status(process.pid, "TracerPid") == 0
    end, START_S), "it has not started")
    if not source then return process end
    local _, by = support.huge_text(process.pid)
    if by == fields[source] then return process end
    getmetatable(process).__close(process)
    if source == "file" and not by then return nil, "this filesystem has no large folios" end
    error(("text is not huge by %s but by %s"):format(source, by or "nothing"))
end

return debugged
