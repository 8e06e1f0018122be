-- SPDX-License-Identifier: Apache-2.0
-- A host on which java, bun, node, postgres and prometheus run at once, some of them under tiexec: --inspect, --top and
-- the text for Prometheus say of each what smaps says.

local core = require "tiexec.core"
local json = require "dkjson"
local server = require "tests.lib.server"
local support = require "tests.lib.support"

local npm <const> = os.getenv "NPM" or "build/npm"
local NOBODY <const> = { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups" }
local UNDER <const> = { support.tiexec, "--follow=none", "--sources", "file,shared" } -- copies are files, too

local function first_line(command) return support.shell(command).out:match("[^\n]+") end

local makers = {}

function makers.java(folder)
    if not core.find "java" then return nil end
    support.write_file(folder .. "/Still.java",
        "class Still { public static void main(String[] a) throws Exception { Thread.sleep(600000); } }")
    return { "java", folder .. "/Still.java" }
end

function makers.node()
    return core.find "node" and support.concat(UNDER, { "node", "-e", "setInterval(() => {}, 100000)" })
end

function makers.bun()
    local bun = first_line(("find %s/node_modules/@oven %s/node_modules/bun -name 'bun*' -size +10M | sort -r")
        :format(npm, npm))
    return bun and support.concat(UNDER, { bun, "-e", "setInterval(() => {}, 100000)" })
end

function makers.postgres(folder)
    local bin = first_line "ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1"
    if not bin or not support.is_root then return nil end
    local data = folder .. "/data"
    assert(os.execute(("mkdir %s && chown 65534 %s"):format(data, data)))
    assert.equal(0, support.run(support.concat(NOBODY, { bin .. "/initdb", "-D", data })).code)
    return support.concat(NOBODY, { bin .. "/postgres", "-D", data, "-k", data, "-h", "" })
end

function makers.prometheus(folder)
    return core.find "prometheus" and support.concat(UNDER, { "prometheus", "--config.file=/dev/null",
        "--storage.tsdb.path=" .. folder .. "/tsdb", ("--web.listen-address=127.0.0.1:%d"):format(server.free_port()) })
end

-- What smaps says: text of files, the part of it on huge pages, what was read of it, and code of no file.
local function sums(pid)
    local sum = { bytes = 0, huge_bytes = 0, resident = 0, generated = 0 }
    for _, m in ipairs(support.smaps(pid)) do
        if m.perms:find("x") and m.path:find("^/") then
            sum.bytes, sum.resident = sum.bytes + m.stop - m.start, sum.resident + m.Rss
            sum.huge_bytes = sum.huge_bytes + support.huge_bytes(m)
        elseif m.perms:find("x") and m.path == "" then
            sum.generated = sum.generated + m.Rss
        end
    end
    return sum
end

local views = {}

local function by_pid(out)
    local list = {}
    for _, one in ipairs(assert(json.decode(out)).processes) do
        list[one.pid] = { bytes = one.bytes, huge_bytes = one.huge_bytes, resident = one.resident,
            generated = one.generated }
    end
    return list
end

views["--inspect all"] = function() return by_pid(support.run_tiexec { "--json", "--inspect", "all" }.out) end
views["--top"] = function() return by_pid(support.run_tiexec { "--json", "--top" }.out) end
views["the text for Prometheus"] = function()
    local names = { text = "bytes", text_huge = "huge_bytes", text_resident = "resident", text_generated = "generated" }
    local list = {}
    local out = support.run_tiexec { "--format", "prometheus", "--inspect", "all" }.out
    for name, pid, value in out:gmatch('\ntiexec_([%l_]+)_bytes{pid="(%d+)"[^\n]*} (%d+)') do
        pid = math.tointeger(pid)
        list[pid] = list[pid] or {}
        list[pid][names[name]] = math.tointeger(value)
    end
    return list
end

-- Each process's figures as a view has them and as smaps does, at a moment at which they do not change.
local function agree(view, pid)
    local before, shown, after
    return support.wait_for(function()
        before, shown, after = sums(pid), view()[pid], sums(pid)
        for name, value in pairs(before) do
            if value ~= after[name] or not shown or shown[name] ~= value then return false end
        end
        return true
    end, 30), before, shown
end

describe("on a host with many servers", function()
    local folder, processes, lacking = nil, {}, {}
    setup(function()
        folder = support.folder()
        assert(os.execute("chmod 755 " .. folder.path))
        for name, make in pairs(makers) do
            local words = make(folder.path)
            if words then
                processes[name] = support.start(words, ("</dev/null >%s/%s.log 2>&1"):format(folder.path, name))
            else
                lacking[#lacking + 1] = name
            end
        end
        for name, process in pairs(processes) do
            assert(support.wait_for(function() return sums(process.pid).bytes > 4 << 20 end, 60), name)
        end
    end)
    teardown(function()
        for _, process in pairs(processes) do getmetatable(process).__close(process) end
        getmetatable(folder).__close(folder)
    end)

    for what, view in pairs(views) do
        it(what .. " agrees with smaps", function()
            local count = 0
            for name, process in pairs(processes) do
                local ok, expected, shown = agree(view, process.pid)
                if not ok then assert.same(expected, shown, name) end
                count = count + 1
            end
            if count < 3 then return pending("not at hand: " .. table.concat(lacking, ", ")) end
        end)
    end

    it("bun's text is that of its file, whatever code it generates", function()
        local bun = processes.bun
        if not bun then return pending "bun is not at hand" end
        local shown = views["--top"]()[bun.pid]
        local segment = 0
        for size in support.shell(("readelf -lW /proc/%d/exe"):format(bun.pid)).out
            :gmatch("LOAD +%S+ +%S+ +%S+ +%S+ +(%S+) +R E") do segment = segment + math.tointeger(tonumber(size)) end
        assert.is_true(segment > 32 << 20 and shown.bytes >= segment, segment)
        assert.is_true(shown.bytes < segment + (16 << 20)) -- its libraries, and whole pages
    end)
end)
