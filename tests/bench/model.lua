-- SPDX-License-Identifier: Apache-2.0
-- The model of instruction TLBs that `tiexec --record=tlb` has, for several plans of one trace: on small pages, and on
-- those huge ones that tiexec would make by some settings.

local core = require "tiexec.core"
local elf = require "tests.lib.elf"
local product = require "tiexec.model"
local slots = require "tiexec.model.slots"
local support = require "tests.lib.support"

local model = { cpus = require "tiexec.model.cpus" }

local TRACED <const> = 100000000 -- instructions

local qemu = support.shell("qemu-$(uname -m) -help | grep -q plugin && command -v qemu-$(uname -m)").out:match("%S+")

--- The plugin of qemu's that writes traces.
model.plugin = (os.getenv("TIEXEC_BUILD") or "build") .. "/fetches.so"

--- Traces the first thread of a command.
-- @tparam table command words
-- @string path for the trace; beside it is PATH.maps
-- @int skip how many instructions are not traced at the start
-- @treturn[1] table `path`, `instructions`, `maps`
-- @treturn[2] nil, string why not
function model.trace(command, path, skip)
    if not qemu then return nil, "needs a qemu-user that takes plugins, as Debian 12's does" end
    local result = support.run(support.concat({ qemu, "-plugin", ("%s,out=%s,skip=%d,most=%d"):format(model.plugin,
        path, skip, TRACED) }, command))
    local instructions, maps = (support.read_file(path .. ".maps") or ""):match("^(%d+) %d+\n(.*)")
    if not maps or instructions == "0" then
        return nil, "no trace by qemu: " .. (result.err:match("[^\n]+") or "it ended too soon")
    end
    return { path = path, instructions = tonumber(instructions), maps = elf.parse_maps(maps) }
end

--- The huge pages that tiexec would make of a command.
-- @tparam table command words
-- @tparam table settings tiexec's
-- @treturn[1] table list for model.run
-- @treturn[2] nil, string why it cannot be told
function model.slots(command, settings)
    core.open_late(core)
    return slots.of(command, settings)
end

--- Runs the model.
-- @tparam table trace
-- @tparam table plans lists of model.slots by their names
-- @treturn table by the plans' names, by the CPUs', { `misses`, `walks` } in a thousand instructions
function model.run(trace, plans)
    local found = {}
    for name, list in pairs(plans) do found[name] = assert(product.rates(trace, list)) end
    return found
end

return model
