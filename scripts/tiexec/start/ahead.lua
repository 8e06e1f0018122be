-- SPDX-License-Identifier: Apache-2.0
--- Reads the text of an executable onto huge pages of the page cache at its exec stop. The dynamic
-- linker and the program's constructors touch a page here and there before the entry point: what
-- they are the first to touch is cached on small pages, which would have to be dropped and read
-- again.

local congruent = require "tiexec.plan.congruent"
local core = require "tiexec.core"
local hosts = require "tiexec.harness.hosts"
local parts = require "tiexec.plan.parts"
local seccomp = require "tiexec.harness.seccomp"

local ahead = {}

-- Whether all of a part is cached, so that there is nothing to read. It mostly is.
local function is_cached(path, part, huge)
    local fd = core.open_file(path)
    local is = fd and core.blocks_are_cached(fd, part.start, part.stop, huge)
    if fd then core.syscall("close", fd) end
    return is
end

-- Whether the source `file` will be asked first.
local function is_wanted(chosen)
    return not chosen.wrong and not chosen["dry-run"] and chosen.names[1] == "file"
        and parts.are_known(chosen.definition.name) and hosts.is_at_least(hosts.describe(), 5, 18)
end

--- Reads what is not cached of the text. It is only a help: nothing is said if it fails.
-- @tparam Inferior inferior that has just exec'd
-- @tparam ?Image image of its executable
-- @tparam function choose gives the Chosen, if it is needed
function ahead.read(inferior, image, choose)
    local huge = core.huge_page_size()
    local text = image and huge > 0 and congruent.main_text(image)
    if not text or text.filesz < huge then return end
    local chosen = choose()
    -- Where a filter judges this process's system calls, what is done here was not tried out.
    if not is_wanted(chosen) or not seccomp.is_free(inferior) then return end
    local part = parts.largest(image, chosen.definition.name, huge)
    local path = ("/proc/%d/exe"):format(inferior:pid())
    if not part or is_cached(path, part, huge) then return end
    local recache = require "tiexec.sources.recache"
    recache.read_ahead(path, part, huge, { recache = chosen.recache })
end

return ahead
