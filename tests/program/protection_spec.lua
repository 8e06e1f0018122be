-- SPDX-License-Identifier: Apache-2.0
-- What protects the text beyond reading, writing and executing is the same on huge pages.

local core = require "tiexec.core"
local support = require "tests.lib.support"

if core.host().arch ~= "aarch64" then return end

local guarded = support.programs .. "guarded"

-- The text that an address lies in: its flags, and how much of it is huge.
local function text_at(pid, address)
    local text, start, stop
    local huge = 0
    for line in support.read_file(("/proc/%d/smaps"):format(pid)):gmatch("[^\n]+") do
        local from, to = line:match("^(%x+)-(%x+) ")
        if from then start, stop = tonumber(from, 16), tonumber(to, 16) end
        local inside = start <= address and address < stop
        text = inside and line:match("^VmFlags: (.*)") or text
        for _, field in ipairs { "AnonHugePages", "ShmemPmdMapped", "FilePmdMapped" } do
            huge = huge + (inside and tonumber(line:match("^" .. field .. ":%s+(%d+) kB")) or 0)
        end
    end
    return text, huge << 10
end

local function flags_of(process)
    local text, huge
    support.wait_for(function()
        text, huge = text_at(process.pid, 0x800000)
        return text
    end)
    return text, huge
end

describe("text whose indirect jumps are guarded (BTI)", function()
    for _, source in ipairs { "thp", "shared", "file" } do
        it("is so on huge pages too: " .. source, function()
            local mode <close> = support.thp("madvise") -- luacheck: ignore (held)
            local before
            do -- to its end: pages that somebody maps stay as they are cached
                local plain <close> = support.start { guarded }
                before = flags_of(plain)
            end
            if not before:find("bt") then return pending("this CPU, or this kernel, has no BTI") end
            local process <close> = support.start_tiexec { "--sources", source, guarded }
            local after, huge = flags_of(process)
            if source == "file" and huge == 0 then return pending("this filesystem has no large folios") end
            assert.is_true(huge > 0)
            assert.matches("bt", after)
            assert.is_true(process:is_alive())
        end)
    end
end)
