-- SPDX-License-Identifier: Apache-2.0
-- The commands of units of systemd, and the drop-ins that are made of them.

local commands = require "tiexec.unit.commands"

local OWN <const> = "/etc/systemd/system/x.service.d/tiexec.conf"

describe("the commands of a unit", function()
    local function of(words) return commands.read(words, OWN) end

    it("are those of its section, joined where a line goes on", function()
        assert.same({ "/bin/x -a   -b" },
            of "# /lib/x.service\n[Unit]\nExecStart=no\n[Service]\nExecStart=/bin/x -a \\\n -b\nExecStop=/bin/y\n")
    end)

    it("are taken away by an empty one, and not by the drop-in itself", function()
        assert.same({ "/bin/z" }, of("# /lib/x.service\n[Service]\nExecStart=/bin/x\n"
            .. "# /etc/x.service.d/a.conf\n[Service]\nExecStart=\nExecStart=/bin/z\n\n"
            .. "# " .. OWN .. "\n[Service]\nExecStart=\nExecStart=/bin/tiexec -- /bin/z\n"))
    end)
end)

describe("a drop-in", function()
    it("has tiexec after systemd's own signs, and tells what it was made of", function()
        local words = assert(commands.drop_in({ "-/bin/x $A", "!!/bin/y" }, "/usr/bin/tiexec"))
        assert.truthy(words:find("\n[Service]\nExecStart=\nExecStart=-/usr/bin/tiexec -- /bin/x $A\n"
            .. "ExecStart=!!/usr/bin/tiexec -- /bin/y\n", 1, true), words)
        assert.equal("-/bin/x $A\n!!/bin/y", commands.origin(words))
    end)

    for command, why in pairs { ["@/bin/x y"] = "a name of its own", ["/usr/local/bin/tiexec -- /bin/x"] = "already",
        ["/bin/x ; /bin/y"] = "several commands" } do
        it("is not made of " .. command, function()
            local words, said = commands.drop_in({ command }, "/usr/bin/tiexec")
            assert.is_nil(words)
            assert.truthy(said:find(why, 1, true), said)
        end)
    end
end)
