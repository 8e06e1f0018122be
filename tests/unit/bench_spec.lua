-- SPDX-License-Identifier: Apache-2.0
-- `make bench`: what was measured is kept and not measured again, and makes the page and its pictures. Nothing is
-- measured here.

local compared = require "tests.bench.compared"
local json = require "dkjson"
local support = require "tests.lib.support"

local starts <const> = { "true", "git", "python3", "node", "cc1plus", "clang", "promtool", "deno", "bun" }

local function has_gnuplot() return support.shell("command -v gnuplot").code == 0 end

-- A Comparison.
local function found(ratio, low, high, verdict)
    return { ratio = ratio, low = low, high = high, verdict = verdict, pairs = 12 }
end

-- What is kept of a comparison, of which a third of the processors did other work.
local function kept(change, is_short)
    local function quantity(median)
        return { medians = { plain = median }, against = { plain = { warm = found(0.7, 0.68, 0.72, "less"),
            default = change }, warm = { default = found(1.2, 1.1, 1.3, "more") } } }
    end
    return json.encode { seconds = 9, date = "2026-11-30", is_short = is_short or false, others = 0.7, processors = 2,
        value = { quantities = { ["CPU time"] = quantity(0.0388), ["page faults"] = quantity(4031) },
            ways = { { name = "default", coverage = "27.6 MiB of 29.6 MiB of text on huge pages, by file" } },
            wrong = {} } }
end

-- What is kept of a server that was compared with itself.
local function kept_server(change)
    local function quantity(small) return { small = small, huge = small * change.ratio, comparison = change } end
    return json.encode { seconds = 66, date = "2026-11-30", is_short = false, others = 0.1, processors = 2, value = {
        answered = 51234, huge = 20 << 20, kept = 0, notes = {}, pairs = 10, quantities = {
            ["CPU time per second"] = quantity(0.9), ["metric per second"] = quantity(850),
            ["CPU time per unit"] = quantity(0.00123) } } }
end

-- Runs the tool in folders of its own; gives what it prints, and the page.
local function bench(words, raw, environment)
    local folder <close> = support.folder()
    os.execute("mkdir " .. folder.path .. "/raw")
    for name, text in pairs(raw) do support.write_file(folder.path .. "/raw/" .. name, text) end
    local result = support.run(support.concat({ "env", "BENCH_RAW=" .. folder.path .. "/raw", "BENCH_DOCS="
        .. folder.path }, environment, { "lua5.4", "tests/tools/bench" }, words))
    local pictures = support.shell("cd " .. folder.path .. "/benchmarks && grep -l '<svg' *").out
    return result, support.read_file(folder.path .. "/BENCHMARKS.md"), pictures
end

describe("a change in a table", function()
    it("is the change with its interval, or none, or of too few rounds", function()
        assert.equal("−34.0 (−39.5 to −31.6)", compared.cell(found(0.66, 0.605, 0.684, "less")))
        assert.equal("none (−8.0 to +11.9)", compared.cell(found(1.01, 0.92, 1.119, "same")))
        assert.equal("+2.0 (too few rounds)", compared.cell(found(1.02, nil, nil, "unknown")))
        assert.equal("–", compared.cell(nil))
    end)
end)

describe("make bench", function()
    local raw
    before_each(function()
        raw = {}
        for _, name in ipairs(starts) do
            raw[("start.%s.json"):format(name)] = kept(found(1.209, 1.152, 1.247, "more"))
        end
    end)

    it("does not measure again what is there, and writes the page of it, with pictures for light and dark", function()
        if not has_gnuplot() then return pending("no gnuplot") end
        local result, page, pictures = bench({ "start" }, raw)
        assert.equal(0, result.code, result.err)
        for _, name in ipairs(starts) do assert.truthy(result.out:find("  " .. name .. ": done\n", 1, true)) end
        assert.truthy(page:find("\n| clang | 38.8 ms | −30.0 (−32.0 to −28.0) | +20.9 (+15.2 to +24.7) |\n", 1, true))
        assert.truthy(page:find("\n| clang | 4031 | ", 1, true))
        assert.truthy(page:find("\n| clang | 29.6 MiB | 27.6 MiB | file |\n", 1, true))
        assert.equal("start-dark.svg\nstart.svg\n", pictures)
        assert.truthy(page:find("**The host was busy with other things while this was measured**", 1, true))
        assert.truthy(page:find("**the host was busy: other work took** 0.7 to 0.7 of 2 processors", 1, true))
        assert.is_nil(page:find("short runs, which", 1, true))
        assert.truthy(page:find("make bench BENCH=steady", 1, true)) -- it is not measured
    end)

    it("has servers that were compared with themselves, and says which are not there", function()
        if not has_gnuplot() then return pending("no gnuplot") end
        raw["servers.prometheus-range-queries.json"] = kept_server(found(0.93, 0.91, 0.96, "less"))
        local result, page, pictures = bench({ "start" }, raw)
        assert.equal(0, result.code, result.err)
        assert.truthy(page:find("\n## Servers under load\n", 1, true))
        assert.truthy(page:find("\n| prometheus, range queries | 51234 | 1230 µs | −7.0 (−9.0 to −4.0) | "
            .. "−7.0 (−9.0 to −4.0) | 20 MiB |\n", 1, true), page)
        assert.truthy(page:find("\n| postgres, pgbench | not measured |", 1, true))
        assert.truthy(pictures:find("servers%-dark%.svg\nservers%.svg"))
    end)

    it("says that runs were short", function()
        if not has_gnuplot() then return pending("no gnuplot") end
        raw["start.bun.json"] = kept(found(1.209, 1.152, 1.247, "more"), true)
        local result, page = bench({ "start" }, raw, { "BENCH_SHORT=1" })
        assert.truthy(result.out:find("  bun: done", 1, true))
        assert.truthy(page:find("Some parts are of short runs", 1, true))
    end)

    it("knows its parts", function()
        if not has_gnuplot() then return pending("no gnuplot") end
        local result = bench({ "no-such" }, {})
        assert.equal(2, result.code)
        assert.truthy(result.err:find("^bench: there is no part 'no%-such': start, jobs, steady"))
    end)

    it("says which package it needs", function()
        local tools <close> = support.folder()
        for _, name in ipairs { "sh", "lua5.4", "env", "mktemp", "rm", "mkdir", "uname", "getconf" } do
            os.execute(("ln -s $(command -v %s) %s/"):format(name, tools.path))
        end
        local result = bench({ "start" }, {}, { "PATH=" .. tools.path })
        assert.equal(1, result.code)
        assert.equal("bench: needs gnuplot: make packages-bench installs gnuplot-nox\n", result.err)
    end)
end)
