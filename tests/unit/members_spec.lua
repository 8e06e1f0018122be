-- SPDX-License-Identifier: Apache-2.0
-- Who of a watched family is to be looked at, and when.

local members = require "tiexec.watch.members"

local function mapped(pid, start, stop) return { kind = "mapped", pid = pid, start = start, stop = stop } end
local function forked(pid, parent, time)
    return { kind = "forked", pid = pid, tid = pid, parent = parent, time = time or 0 }
end

describe("the members of a family", function()
    local family
    before_each(function() family = members.new() end)

    it("are looked at a moment after the first news, once for all that come until then", function()
        family:note(mapped(1, 10, 20), 100)
        family:note(mapped(1, 30, 40), 100.02)
        assert.same({}, family:take_due(100.01))
        local due = family:next_due()
        assert.is_true(due > 100 and due < 100.1)
        assert.same({ 1 }, family:take_due(due))
        assert.equal(2, #family:take_news(1))
        assert.is_nil(family:next_due())
        assert.same({}, family:take_due(due + 100))
    end)

    it("keep what they have exec'd, when the record of their fork comes late", function()
        family:take(1, { { start = 30, stop = 40 } })
        family:note({ kind = "exec", pid = 2, time = 20 }, 100)
        family:note(mapped(2, 30, 40), 100)
        family:note(forked(2, 1, 10), 100)
        assert.same({}, family:get(2).handled)
        assert.same({ 2 }, family:take_due(100.1))
        assert.equal(30, family:take_news(2)[1].start)
        family:note(forked(2, 1, 30), 200) -- another process of this id
        assert.equal(1, #family:get(2).handled)
    end)

    it("have what was handled of their parents, if they were forked unseen, and are no members yet", function()
        local handled = { { start = 10, stop = 20 } }
        family:take(1, handled)
        family:inherit(2, 1)
        assert.same(handled, family:get(2).handled)
        family:take(3, {})
        family:inherit(3, 1)
        assert.same({}, family:get(3).handled)
        family:inherit(4, 99)
        assert.same({ 1, 2, 3 }, family:pids())
    end)

    it("that have ended are not looked at", function()
        family:note(mapped(1, 10, 20), 100)
        family:remove(1)
        assert.same({}, family:take_due(200))
    end)

    it("rest after a stop, the longer it was", function()
        family:handled(1, {}, 100, 0.1)
        family:note(mapped(1, 10, 20), 100)
        assert.is_true(family:next_due() >= 102)
        family:note({ kind = "exec", pid = 1, time = 0 }, 100) -- another program
        family:take_due(1000)
        family:note(mapped(1, 10, 20), 1000)
        assert.is_true(family:next_due() < 1000.1)
    end)

    it("keep what was handled before, where only new text was in question", function()
        local before, now = { start = 10, stop = 20 }, { start = 30, stop = 40 }
        family:take(1, { before, { start = 32, stop = 34 } })
        family:handled(1, { now }, 101, 0, true)
        assert.same({ before, now }, family:get(1).handled)
        family:handled(1, { now }, 102, 0)
        assert.same({ now }, family:get(1).handled)
    end)

    it("have handled text that was in question, and not that of a program that they have become meanwhile", function()
        local looks = require "tiexec.watch.looks"
        local function text(start) return { start = start, stop = start + 10, perms = "r-xp" } end
        local outcome = { description = { mappings = { text(10), text(50) } }, results = {} }
        assert.equal(2, #looks.ranges_of(outcome))
        family:note(mapped(1, 50, 60), 100)
        family:handled(1, {}, 101, 5, true) -- rests no longer than is usual
        assert.is_true(family:next_due() < 101.2)
        outcome.is_new = function(_, mapping) return mapping.start == 50 end
        assert.same({ { start = 50, stop = 60 } }, looks.ranges_of(outcome))
    end)

    it("are not stopped for what tiexec itself has mapped", function()
        family:note(mapped(1, 10, 20), 100)
        family:take_due(101)
        family:take_news(1)
        family:note(mapped(1, 12, 18), 101)
        family:note(mapped(1, 50, 60), 101)
        family:handled(1, { { start = 10, stop = 20 } }, 101, 0)
        assert.same({ { start = 50, stop = 60, is_certain = true } }, family:take_news(1))
    end)

    it("have their parent's text, and its news", function()
        family:take(1, { { start = 10, stop = 20 } })
        family:note(mapped(1, 30, 40), 100)
        family:note(forked(2, 1), 100)
        family:note(forked(3, 3), 100) -- a thread
        assert.same({ 1, 2 }, family:take_due(101))
        assert.same(family:get(1).handled, family:get(2).handled)
        assert.same({ { start = 30, stop = 40, is_certain = true } }, family:take_news(2))
        assert.equal(1, family:get(2).parent)
    end)

    it("that cannot be had are tried again, each time later", function()
        local last = 0
        for try = 1, 12 do
            family:put_off(1, { { start = 10, stop = 20 } }, 100 * try)
            local wait = family:next_due() - 100 * try
            assert.is_true(wait >= last and wait <= 60)
            last = wait
            assert.same({ 1 }, family:take_due(100 * try + 60))
            assert.is_true(#family:take_news(1) > 0)
        end
        assert.equal(60, last)
    end)

    it("have fresh mappings: what records told of, and else what was not handled", function()
        local a, b, c = { start = 10, stop = 20 }, { start = 30, stop = 40 }, { start = 50, stop = 60 }
        local handled = { { start = 0, stop = 45 } }
        assert.same({ a }, members.fresh({ a, b, c }, { { start = 12, stop = 14, is_certain = true } }, handled))
        assert.same({ c }, members.fresh({ a, b, c }, { { start = 0, stop = math.maxinteger } }, handled))
    end)
end)
