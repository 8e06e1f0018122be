-- SPDX-License-Identifier: Apache-2.0
-- --follow=auto on real programs whose text comes late: no other option is needed.

local support = require "tests.lib.support"
local watched = require "tests.lib.watched"

local MIB <const> = 1 << 20

local mode
setup(function() mode = support.thp("madvise") end)
teardown(function() if mode then getmetatable(mode).__close() end end)

local SLEEPS <const> = [[public class Sleeps {
    public static void main(String[] a) throws Exception { Thread.sleep(60000); } }]]

describe("a watched", function()
    for name, start in pairs {
        ["java"] = function(folder) return { "java", "-cp", folder, "Sleeps" } end,
        ["start script that ends in java"] = function(folder)
            return { "sh", "-c", "sleep 0.1; exec java -cp " .. folder .. " Sleeps" }
        end,
    } do
        it(name .. " has nearly all of libjvm on huge pages", function()
            local folder <close> = support.folder()
            support.write_file(folder.path .. "/Sleeps.java", SLEEPS)
            if not os.execute(("cd %s && javac Sleeps.java"):format(folder.path)) then return pending "no javac" end
            local family <close> = watched.start(start(folder.path))
            assert.is_true(watched.becomes_huge(family.pid, 12 * MIB), family.err())
            assert.is_nil(family.err():find("small pages", 1, true), family.err())
        end)
    end

    it("npm script has node on huge pages", function()
        if support.shell("npm --version").code ~= 0 then return pending "no npm" end
        local folder <close> = support.folder()
        support.write_file(folder.path .. "/package.json",
            [[{"name": "x", "version": "1.0.0", "scripts": {"wait": "node -e 'setTimeout(() => {}, 60000)'"}}]])
        local family <close> = watched.start { "sh", "-c", "cd " .. folder.path .. " && npm run wait; true" }
        assert(support.wait_for(function()
            local huge = 0
            for _, pid in ipairs(support.processes_with("WATCHED", family.mark)) do
                if support.huge_text(pid) >= 24 * MIB then huge = huge + 1 end
            end
            return huge >= 2 -- npm itself, and what it has started
        end), family.err())
    end)
end)
