-- SPDX-License-Identifier: Apache-2.0
-- Builds under --follow=all: each compiler is remapped, and what comes out is the same.

local core = require "tiexec.core"
local specimen = require "tests.lib.specimen"
local support = require "tests.lib.support"

local witness = core.readlink("/proc/self/cwd") .. "/" .. support.programs .. "witness"
local FILES <const> = 8

-- A tree of C++ sources with a Makefile.
local function write_tree(path)
    local objects = {}
    for i = 1, FILES do
        objects[i] = ("part%d.o"):format(i)
        support.write_file(("%s/part%d.cc"):format(path, i), ([[
#include <map>
#include <string>
#include <vector>
int part%d(const std::map<std::string, std::vector<int>> &all)
{
    int sum = %d;
    for (const auto &[name, list] : all)
        for (int n : list) sum += n * static_cast<int>(name.size());
    return sum;
}
]]):format(i, i))
    end
    support.write_file(path .. "/main.cc", "int main() { return 0; }\n")
    support.write_file(path .. "/Makefile", ("all: main %s\nmain: main.o\n\t$(CXX) -o $@ $^\n"
        .. "%%.o: %%.cc\n\t@echo compiling $<\n\t@$(CXX) -std=c++17 -O1 -c -o $@ $<\nclean:\n\t@rm -f main *.o\n")
        :format(table.concat(objects, " ")))
end

-- Runs make afresh, behind the words of `prefix`. Returns what it says, in order of lines, and sums of what it made.
local function make(path, prefix)
    local words = { "env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", table.unpack(prefix) } -- of a make that runs the tests
    for _, word in ipairs { "make", "-j2", "-C", path } do words[#words + 1] = word end
    support.run { "make", "-C", path, "clean" }
    local result = support.run(words)
    local lines = {}
    for line in result.out:gmatch("[^\n]+") do lines[#lines + 1] = line end
    table.sort(lines)
    return { lines, result.err, result.code, support.shell(("cd %s && cksum *.o main"):format(path)).out }
end

describe("under --follow=all", function()
    it("make -j2 of a C++ tree: every cc1plus is huge, the outputs are the same", function()
        if not specimen.cc1plus() then return pending("g++ is not installed") end
        local folder <close> = support.folder()
        write_tree(folder.path)
        local plain = make(folder.path, {})
        assert.equal(0, plain[3], plain[2])
        make(folder.path, { support.tiexec, "--follow=all" }) -- the first start may read files anew
        local seen = folder.path .. "/seen"
        assert.same(plain, make(folder.path,
            { "env", "WITNESS=" .. seen, "LD_PRELOAD=" .. witness, support.tiexec, "--follow=all" }))
        local compilers = 0
        for huge, text in support.read_file(seen):gmatch("/cc1plus (%d+) (%d+)\n") do
            assert.is_true(tonumber(huge) >= 0.95 * tonumber(text), huge .. " of " .. text)
            compilers = compilers + 1
        end
        assert.equal(FILES + 1, compilers)
    end)

    it("go build: the same program", function()
        if support.run({ "go", "version" }).code ~= 0 then return pending("go is not installed") end
        local folder <close> = support.folder()
        local function build(name, prefix, flags)
            local result = support.shell(("cd tests/programs && GOCACHE=%s/%s GO111MODULE=off CGO_ENABLED=0 %s "
                .. "go build -trimpath %s -o %s/out lines.go"):format(folder.path, name, prefix, flags, folder.path))
            return { result.out, result.err, result.code, support.read_file(folder.path .. "/out") }
        end
        build("plain", "", "") -- the standard library, once for both
        os.execute(("cp -a %s/plain %s/huge"):format(folder.path, folder.path))
        local plain = build("plain", "", "-gcflags=-l")
        assert.equal(0, plain[3], plain[2])
        local tiexec = core.readlink("/proc/self/cwd") .. "/" .. support.tiexec
        assert.same(plain, build("huge", tiexec .. " --follow=all", "-gcflags=-l"))
    end)
end)
