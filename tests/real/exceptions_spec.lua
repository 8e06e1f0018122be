-- SPDX-License-Identifier: Apache-2.0
-- C++ exceptions pass from one shared library through another to the program, all on huge pages, and within a static
-- program. The unwinder finds its tables by where the objects lie.

local debugged = require "tests.lib.debugged"
local support = require "tests.lib.support"

local filler <const> = [[
__asm__(".section .text.filler, \"ax\", @progbits\n.balign 4096\n.fill 3 << 18, 8, 0x89abcdef\n.previous\n");
]]

local sources <const> = {
    ["thrower.cc"] = filler .. [[
#include <stdexcept>
#include <string>
struct Guard { int &count; ~Guard() { count++; } };
void thrower(int depth, int &count)
{
    Guard guard{count};
    if (depth == 0)
        throw std::runtime_error("from the depth " + std::to_string(count));
    thrower(depth - 1, count);
}
]],
    ["passer.cc"] = filler .. [[
#include <stdexcept>
void thrower(int depth, int &count);
void passer(int depth, int &count)
{
    try {
        thrower(depth, count);
    } catch (const std::logic_error &) {
        count = -1000;
    } catch (const std::exception &error) {
        count += 100;
        throw;
    }
}
]],
    ["main.cc"] = filler .. [[
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <unistd.h>
void passer(int depth, int &count);
int main(int argc, char **argv)
{
    int caught = 0, count = 0;
    for (int i = 0; i < 1000; i++) {
        try {
            passer(i % 20, count);
        } catch (const std::runtime_error &error) {
            caught += std::strncmp(error.what(), "from the depth ", 15) == 0;
        }
    }
    std::printf("%d caught, %d\n", caught, count);
    std::fflush(stdout);
    while (argc > 1 && std::strcmp(argv[1], "wait") == 0)
        pause();
    return 5;
}
]],
}

local build <const> = [[
cd %s && g++ -O1 -fPIC -shared -o libthrower.so thrower.cc &&
g++ -O1 -fPIC -shared -o libpasser.so passer.cc -L. -lthrower -Wl,-rpath,'$ORIGIN' &&
g++ -O1 -o dynamic main.cc -L. -lpasser -lthrower -Wl,-rpath,'$ORIGIN' &&
g++ -O1 -static -o static main.cc passer.cc thrower.cc &&
g++ -O1 -static-pie -fPIE -o static-pie main.cc passer.cc thrower.cc]]

local objects <const> = { dynamic = 3, static = 1, ["static-pie"] = 1 }

describe("C++ exceptions", function()
    local folder, made

    setup(function()
        debugged.prepare()
        folder = support.folder()
        for name, text in pairs(sources) do support.write_file(folder.path .. "/" .. name, text) end
        made = support.shell(build:format(folder.path))
    end)
    teardown(function()
        debugged.restore()
        getmetatable(folder).__close()
    end)

    for _, kind in ipairs { "dynamic", "static", "static-pie" } do
        for _, source in ipairs(debugged.sources) do
            it(("%s, %s: all are caught where they should be"):format(kind, source), function()
                assert.equal(0, made.code, made.err)
                if debugged.lacks(source) then return pending(debugged.lacks(source)) end
                local path = folder.path .. "/" .. kind
                local process <close>, why = debugged.start(source, { path, "wait" })
                if not process then return pending(why) end
                assert.is_true(support.huge_text(process.pid) >= objects[kind] * (6 << 20))
                local plain = support.run { path }
                local result = support.run(debugged.words(source, { path }, { "--strict" }))
                assert.equal("1000 caught, 110500\n", plain.out)
                assert.same(plain, result)
            end)
        end
    end
end)
