// SPDX-License-Identifier: Apache-2.0
// Threads that are born and end, monitors, parking, interruption, and stacks that are looked at from outside.
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.concurrent.locks.LockSupport;

public class Threads {
    static int counter;

    static void monitors() throws Exception {
        List<Thread> threads = new ArrayList<>();
        Object lock = new Object();
        for (int i = 0; i < 50; i++) {
            threads.add(new Thread(() -> {
                for (int n = 0; n < 2000; n++) synchronized (lock) { counter++; }
            }));
        }
        for (Thread thread : threads) thread.start();
        for (Thread thread : threads) thread.join();
        Test.is("monitors", counter == 100_000);
    }

    static void births() throws Exception {
        AtomicInteger ended = new AtomicInteger();
        for (int i = 0; i < 1000; i++) {
            Thread thread = new Thread(ended::incrementAndGet);
            thread.start();
            thread.join();
        }
        Test.is("births", ended.get() == 1000);
    }

    static void waiting() throws Exception {
        SynchronousQueue<Integer> queue = new SynchronousQueue<>();
        Thread giver = new Thread(() -> {
            try {
                for (int i = 0; i < 5000; i++) queue.put(i);
            } catch (InterruptedException e) { throw new AssertionError(e); }
        });
        giver.start();
        long sum = 0;
        for (int i = 0; i < 5000; i++) sum += queue.take();
        giver.join();
        Test.is("handing over", sum == 4999L * 5000 / 2);
    }

    static void interruption() throws Exception {
        int interrupted = 0;
        for (int i = 0; i < 200; i++) {
            AtomicBoolean seen = new AtomicBoolean();
            Thread sleeper = new Thread(() -> {
                try { Thread.sleep(60_000); } catch (InterruptedException e) { seen.set(true); }
            });
            sleeper.start();
            sleeper.interrupt();
            sleeper.join();
            if (seen.get()) interrupted++;
        }
        Test.is("interruption", interrupted == 200);
    }

    static void sleeping() throws Exception {
        boolean right = true;
        for (int i = 0; i < 100; i++) {
            long begun = System.nanoTime();
            Thread.sleep(5);
            right &= System.nanoTime() - begun >= 5_000_000;
            begun = System.nanoTime();
            Object lock = new Object();
            synchronized (lock) { lock.wait(5); }
            right &= System.nanoTime() - begun >= 4_900_000;
        }
        Test.is("nobody wakes too early", right);
    }

    static void parallel() {
        long sum = java.util.stream.LongStream.range(0, 20_000_000).parallel().map(n -> n * n % 7).sum();
        long expected = 0;
        for (long n = 0; n < 20_000_000; n++) expected += n * n % 7;
        Test.is("parallel streams", sum == expected);
    }

    static void stacks() throws Exception {
        AtomicBoolean stop = new AtomicBoolean();
        AtomicLong work = new AtomicLong();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            Thread thread = new Thread(() -> { while (!stop.get()) work.addAndGet(depth(20)); });
            thread.start();
            threads.add(thread);
        }
        boolean right = true;
        for (int i = 0; i < 300; i++) right &= Thread.getAllStackTraces().size() >= 5;
        stop.set(true);
        for (Thread thread : threads) thread.join();
        Test.is("stacks of threads at work", right && work.get() > 0 && work.get() % 21 == 0);
    }

    static int depth(int n) { return n == 0 ? 1 : 1 + depth(n - 1); }

    public static void main(String[] words) throws Exception {
        monitors();
        births();
        waiting();
        interruption();
        sleeping();
        parallel();
        stacks();
        Thread main = Thread.currentThread();
        new Thread(() -> LockSupport.unpark(main)).start();
        LockSupport.park();
        Test.is("parking", true);
        Test.end();
    }
}
