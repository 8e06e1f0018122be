-- SPDX-License-Identifier: Apache-2.0
--- Reads the text of an executable onto huge pages of the page cache at its exec stop. The dynamic
-- linker and the program's constructors touch a page here and there before the entry point: what
-- they are the first to touch is cached on small pages, which would have to be dropped and read
-- again.

local congruent = require "tiexec.plan.congruent"
local core = require "tiexec.core"
local hosts = require "tiexec.harness.hosts"
local images = require "tiexec.harness.images"
local ranges = require "tiexec.base.ranges"
local seccomp = require "tiexec.harness.seccomp"

local ahead = {}

-- How the strategies round that are known to take all of a text.
local round = {
    aggressive = function(start, stop, huge)
        return ranges.align_down(start, huge), ranges.align_up(stop, huge)
    end,
    conservative = ranges.inward,
}

-- Cuts off what shares a huge page with writable data: [from, to) are offsets in the file.
local function without_data(image, text, from, to, huge)
    for segment in images.loads(image) do
        local start, stop = segment.offset, segment.offset + segment.filesz
        if segment.flags & core.constants.PF_W ~= 0 and start < stop then
            if start >= text.offset + text.filesz then
                to = math.min(to, ranges.align_down(start, huge))
            elseif stop <= text.offset then
                from = math.max(from, ranges.align_up(stop, huge))
            end
        end
    end
    return from, to
end

-- The part of the file that will be remapped: offsets; or nil.
local function part_of(image, text, strategy, huge)
    local is_congruent = (text.vaddr - text.offset) & (huge - 1) == 0
    if image.type ~= core.constants.ET_DYN and not is_congruent then return nil end
    local from, to = round[strategy](text.offset, text.offset + text.filesz, huge)
    if not from then return nil end
    from, to = without_data(image, text, from, to, huge)
    to = math.min(to, ranges.align_down(image.size, huge))
    if from < to then return from, to end
end

-- Whether all of a part is cached, so that there is nothing to read. It mostly is.
local function is_cached(path, from, to, huge)
    local fd = core.open_file(path)
    local is = fd and core.blocks_are_cached(fd, from, to, huge)
    if fd then core.syscall("close", fd) end
    return is
end

-- Whether the source `file` will be asked first.
local function is_wanted(chosen)
    return not chosen.wrong and not chosen["dry-run"] and chosen.names[1] == "file"
        and round[chosen.definition.name] and hosts.is_at_least(hosts.describe(), 5, 18)
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
    local from, to = part_of(image, text, chosen.definition.name, huge)
    local path = ("/proc/%d/exe"):format(inferior:pid())
    if not from or is_cached(path, from, to, huge) then return end
    local recache = require "tiexec.sources.recache"
    recache.read_ahead(path, from, to, huge, { recache = chosen.recache })
end

return ahead
