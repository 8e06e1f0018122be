-- SPDX-License-Identifier: Apache-2.0
--- Whether the kernel tells this process of what others do. This is known before a watch is begun,
-- and needs no stopped process.

local core = require "tiexec.core"

local permission = {}

local TRIAL_MS <const> = 2000

--- Says why the kernel will refuse to tell of processes, as far as that is seen beforehand, or why
-- it would take too long. A seccomp filter may end the process that asks: then a copy asks.
-- @int[opt] most CPUs that a host may have
-- @treturn ?string nil: no reason is seen
function permission.refusal(most)
    if core.status(core.getpid(), "Seccomp") == 0 then return (core.watch_refusal(most)) end
    local ok, why = core.trial(function()
        local refused = core.watch_refusal(most)
        if refused then error(refused, 0) end
    end, TRIAL_MS)
    if ok then return nil end
    return why:find("perf events", 1, true) and why or "perf events: " .. why
end

--- What may follow a reason: what does without a watch.
-- @treturn string
function permission.advice() return (select(2, core.watch_refusal(0))) end

return permission
