-- SPDX-License-Identifier: Apache-2.0
--- Starts that are over at the exec stop. Where nothing but the executable has text that can be
-- huge, there is nothing to wait for until the entry point: the program need not stop there, nor
-- while the dynamic linker reads the auxiliary vector.
--
-- The dynamic linker relocates the program afterwards. It writes to data alone then: text with
-- relocations of its own is left for the entry point. So is all text on CPUs whose protections the
-- dynamic linker gives to text (PROT_BTI): that would split the mapping that was made.

local congruent = require "tiexec.plan.congruent"
local core = require "tiexec.core"
local following = require "tiexec.start.following"
local hosts = require "tiexec.harness.hosts"
local parts = require "tiexec.plan.parts"

local early = {}

local PRELOADED <const> = "/etc/ld.so.preload"
local VARIABLES <const> = { "LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH" }

-- Whether the dynamic linker maps what the program needs, as its list has it, and nothing else.
-- The environment is that of the process from which this one was split off.
local function is_plain()
    for _, name in ipairs(VARIABLES) do
        if os.getenv(name) then return false end
    end
    return core.stat(PRELOADED) == nil
end

-- Whether the settings ask for nothing that is known only once the libraries are mapped. On smaller
-- pages smaller libraries may gain.
local function is_usual(chosen)
    local definition = chosen.definition
    return not chosen.wrong and parts.are_known(definition.name) and not chosen["page-size"]
        and not hosts.has_smaller(hosts.describe())
        and package.loaded[definition.path] ~= nil
        and not (chosen["perf-map"] or next(chosen.debug))
        and not require "tiexec.remap.stage".wants_report(chosen)
end

-- Whether libraries that come later are nobody's business, or the watch's.
local function is_watch_enough(run)
    local follow = run:follow_settings()
    if not following.looks_for_libraries(follow) then return true end
    return following.wants_watch(follow)
        and (following.is_default(follow) or not run:watch_refusal())
end

--- Tells whether a program that stands at its exec stop can be remapped there.
-- @tparam Run run
-- @treturn boolean
function early.is_possible(run)
    local image, huge = run.image, core.huge_page_size()
    if run.is_alone or run.is_successor or not image or core.has_protections() then return false end
    local text = not image.text_relocations and huge > 0 and congruent.main_text(image)
    return text and text.filesz >= huge and is_usual(run:choose_settings())
        and is_plain() and is_watch_enough(run)
        and not core.libraries_may_gain(("/proc/%d/exe"):format(run.inferior:pid()), nil, huge)
end

return early
