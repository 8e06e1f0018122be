-- SPDX-License-Identifier: Apache-2.0
--- `--check` tells whether this host is ready, and what would change that.

local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local exit = require "tiexec.base.exit"
local gathering = require "tiexec.check.gathering"
local hosts = require "tiexec.harness.hosts"
local json = require "tiexec.show.json"
local message = require "tiexec.base.message"
local readiness = require "tiexec.check.readiness"

local check = {}

-- Measures the TLB reach of huge pages: gives a ProbeVerdict, or `wrong`, why there is none.
local function measure()
    local host = hosts.describe()
    if host.huge_page_size == 0 then return { wrong = "this kernel has no huge pages" } end
    local probe = require "tiexec.check.probe"
    local samples, why = probe.measure(host)
    return samples and probe.judge(samples) or { wrong = why }
end

-- Gives a judgement as JSON has it: facts and sources by their names.
local function plain(judged, probe, name)
    local facts, sources = {}, {}
    for _, line in ipairs(judged.lines) do
        facts[line.name] = { text = line.text, good = line.good, todo = line.todo,
            code = line.code }
    end
    for _, source in ipairs(judged.sources) do
        sources[source.name] = { works = source.works, why = source.why, asked = source.asked,
            code = source.why and codes.of(source.why) }
    end
    return { command = name, ready = judged.ready, facts = facts, sources = sources, probe = probe }
end

--- Runs `--check`.
-- @tparam Settings options those of the command line and the environment, with `json` and `probe`
-- @string[opt] name of a program
-- @treturn int exit status: 0 the host is ready, 1 it is not, 125 the outcome could not be written
function check.run(options, name)
    core.open_late(core)
    local found = gathering.facts(options, name)
    local probe = options.probe and measure() or nil
    found.probe = probe and not probe.wrong and probe or nil
    local judged = readiness.judge(found)
    local ok, why
    if options.json then
        ok, why = json.write(io.stdout, plain(judged, probe, name))
    else
        ok, why = require "tiexec.check.table".show(judged, probe, name)
    end
    if ok then return judged.ready and 0 or exit.INCOMPLETE end
    message.say("--check: %s", why)
    return exit.FAILED
end

return check
