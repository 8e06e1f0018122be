-- SPDX-License-Identifier: Apache-2.0
--- Traces of the pages that a program fetches its instructions from: qemu-user runs it, with a
-- plugin that writes them down.

local core = require "tiexec.core"

local trace = {}

-- What /proc/PID/maps says, but for the kernel's own page above all addresses.
local function parse_maps(words)
    local list = {}
    for line in words:gmatch("[^\n]+") do
        local start, stop, perms, offset, path =
            line:match("^(%x+)%-(%x+) (%S+) (%x+) %S+ %d+%s*(.*)$")
        if start and #start < 16 then
            list[#list + 1] = { start = tonumber(start, 16), stop = tonumber(stop, 16),
                perms = perms, offset = tonumber(offset, 16), path = path }
        end
    end
    return list
end

local function write_file(path, bytes)
    local file, why = io.open(path, "wb")
    if not file then return nil, why end
    local ok
    ok, why = file:write(bytes)
    local closed, close_why = file:close()
    if ok and closed then return true end
    return nil, why or close_why
end

-- What the plugin has left; or nil and why there is nothing.
local function read(path, skip, run)
    local traced, all, maps = (core.read_file(path .. ".maps") or ""):match("^(%d+) (%d+)\n(.*)$")
    if run.error:find("unknown option 'plugin'", 1, true) then
        return nil, "the qemu-user here takes no plugins, as Debian 13's does not"
    elseif not maps then
        return nil, "no trace: " .. (run.error:match("[^\n]+") or "it became another program")
    end
    if traced == "0" then
        return nil, ("it ended after %.1f of the first %.0f million instructions, which are not "
            .. "traced (--record=tlb:0 traces from its start)"):format(all / 1e6, skip / 1e6)
    end
    return { path = path, instructions = tonumber(traced), skipped = skip,
        maps = parse_maps(maps) }
end

--- Traces the first thread of a program, which does not run natively, and not to its end.
-- @tparam table program `path`, an ELF file, and `argv`
-- @string folder for the trace and the plugin
-- @int skip how many instructions are not traced at the start
-- @int most how many are traced then
-- @treturn[1] table `path` of the trace, `instructions`, `skipped`, and `maps`, where all was
-- mapped
-- @treturn[2] nil, string why there is none
function trace.make(program, folder, skip, most)
    local name = "qemu-" .. core.host().arch:lower():gsub("-", "_")
    local qemu = core.find(name)
    if not qemu then return nil, name .. " is not here (Debian has it in qemu-user)" end
    local plugin, path = folder .. "/fetches.so", folder .. "/trace"
    local ok, why = write_file(plugin, core.fetches_plugin())
    if not ok then return nil, why end
    local argv = { qemu, "-0", program.argv[1], "-plugin",
        ("%s,out=%s,skip=%d,most=%d"):format(plugin, path, skip, most), program.path }
    table.move(program.argv, 2, #program.argv, #argv + 1, argv)
    os.remove(path .. ".maps")
    local run
    run, why = core.measure { path = qemu, argv = argv, variables = {}, stand_ins = {} }
    if not run then return nil, why end
    if run.interrupted then return nil, "a signal has ended it" end
    return read(path, skip, run)
end

return trace
