-- SPDX-License-Identifier: Apache-2.0
-- Who the service looks at next, and how often it may attach.

local queue = require "tiexec.service.queue"

describe("the queue of the service", function()
    it("gives what is due, the first one first, once", function()
        local waiting = queue.new(0)
        waiting:add(7, 3)
        waiting:add(8, 1)
        waiting:add(9, 2)
        waiting:add(7, 5) -- no later than before
        assert.same({}, waiting:take(0.5))
        assert.equal(1, waiting:next_due())
        assert.same({ 8, 9 }, waiting:take(2))
        assert.same({ 7 }, waiting:take(3))
        assert.same({}, waiting:take(9))
        assert.is_nil(waiting:next_due())
        assert.equal(0, waiting.count)
    end)

    it("tries again what cannot be had, less and less often, and then no more", function()
        local waiting, now = queue.new(0), 0
        for _, seconds in ipairs { 1, 4, 16 } do
            assert.is_true(waiting:put_off(7, now))
            assert.equal(now + seconds, waiting:next_due())
            now = now + seconds
            assert.same({ 7 }, waiting:take(now))
        end
        assert.is_false(waiting:put_off(7, now))
        assert.is_true(waiting:put_off(7, now)) -- a later process of that id
    end)

    it("forgets tries", function()
        local waiting = queue.new(0)
        waiting:put_off(7, 0)
        waiting:forget(7)
        waiting:take(1)
        waiting:put_off(7, 1)
        assert.equal(2, waiting:next_due())
    end)

    it("lets five processes in a second be attached to, and ten at once", function()
        local waiting, count = queue.new(0), 0
        while waiting:may_attach(0) do count = count + 1 end
        assert.equal(10, count)
        for tenth = 1, 100 do count = count + (waiting:may_attach(tenth / 10) and 1 or 0) end
        assert.is_true(count >= 59 and count <= 60, count)
        count = 0
        while waiting:may_attach(1000) do count = count + 1 end
        assert.equal(10, count)
    end)

    it("leaves a program alone for ten minutes that has gained nothing twice", function()
        local waiting = queue.new(0)
        waiting:note("a", false, 0)
        assert.is_false(waiting:is_vain("a", 0))
        waiting:note("a", true, 1)
        waiting:note("a", false, 2)
        assert.is_false(waiting:is_vain("a", 2))
        waiting:note("a", false, 3)
        assert.is_true(waiting:is_vain("a", 602))
        assert.is_false(waiting:is_vain("b", 602))
        assert.is_false(waiting:is_vain("a", 603))
    end)

    it("has an end", function()
        local waiting, refused = queue.new(0), 0
        for pid = 1, 20000 do refused = refused + (waiting:add(pid, 1) and 0 or 1) end
        assert.is_true(refused > 0)
        assert.is_true(waiting:add(1, 0)) -- it waits already
        assert.equal(20000 - refused, #waiting:take(1))
    end)
end)
