// SPDX-License-Identifier: Apache-2.0
// What compiled code is given up for: classes that come later, types that change, loops that are compiled in
// mid-run, exceptions; and many methods in a small code cache.
import java.lang.invoke.*;
import java.util.*;
import java.util.function.*;

public class Compiling {
    interface Shape { double area(); }
    static class Square implements Shape { public double area() { return 4; } }
    static class Circle implements Shape { public double area() { return 3; } }
    static class Odd extends Square { public double area() { return 1; } }

    static double sum(Shape[] shapes) {
        double sum = 0;
        for (Shape shape : shapes) sum += shape.area();
        return sum;
    }

    static Shape[] all(Supplier<Shape> maker) {
        Shape[] shapes = new Shape[1000];
        for (int i = 0; i < shapes.length; i++) shapes[i] = maker.get();
        return shapes;
    }

    static void hierarchy() {
        boolean right = true;
        Shape[] squares = all(Square::new);
        for (int i = 0; i < 5000; i++) right &= sum(squares) == 4000;
        Shape[] circles = all(Circle::new);
        for (int i = 0; i < 5000; i++) right &= sum(circles) == 3000 && sum(squares) == 4000;
        Shape[] odd = all(Odd::new);
        for (int i = 0; i < 5000; i++) right &= sum(odd) == 1000 && sum(circles) == 3000 && sum(squares) == 4000;
        Test.is("classes that come later", right);
    }

    static int branch(int n, boolean rare) {
        if (rare) return Integer.parseInt("" + n) + 1;
        return n;
    }

    static void rare() {
        boolean right = true;
        for (int round = 0; round < 20; round++) {
            for (int i = 0; i < 20_000; i++) right &= branch(i, false) == i;
            right &= branch(5, true) == 6;
        }
        Test.is("branches that were never taken", right);
    }

    static void replacement() {
        long sum = 0;
        for (int i = 0; i < 50_000_000; i++) sum += i ^ (i >> 3);
        long again = 0;
        for (int i = 0; i < 50_000_000; i++) again += i ^ (i >> 3);
        Test.is("loops that are compiled in mid-run", sum == again);
    }

    static void handles() throws Throwable {
        MethodHandle parse = MethodHandles.lookup().findStatic(Integer.class, "parseInt",
            MethodType.methodType(int.class, String.class));
        long sum = 0;
        for (int i = 0; i < 200_000; i++) sum += (int) parse.invokeExact("" + i % 100);
        boolean right = sum == 200_000L / 100 * 4950;
        List<Function<Integer, Integer>> list = new ArrayList<>();
        for (int i = 0; i < 2000; i++) {
            int n = i;
            MethodHandle add = MethodHandles.insertArguments(MethodHandles.lookup().findStatic(Math.class, "addExact",
                MethodType.methodType(int.class, int.class, int.class)), 0, n);
            list.add(k -> { try { return (int) add.invokeExact((int) k); } catch (Throwable e) { return -1; } });
        }
        for (int round = 0; round < 50; round++)
            for (int i = 0; i < list.size(); i++) right &= list.get(i).apply(round) == round + i;
        Test.is("method handles", right);
    }

    static void numbers() {
        double sum = 0;
        for (int i = 1; i < 3_000_000; i++) sum += Math.sin(i) * Math.sqrt(i) / (1 + Math.abs(Math.tan(i)));
        double again = 0;
        for (int i = 1; i < 3_000_000; i++) again += Math.sin(i) * Math.sqrt(i) / (1 + Math.abs(Math.tan(i)));
        float[] a = new float[4096], b = new float[4096];
        for (int i = 0; i < a.length; i++) { a[i] = i; b[i] = 2 * i; }
        for (int round = 0; round < 2000; round++) for (int i = 0; i < a.length; i++) a[i] = b[i] - a[i];
        boolean right = true;
        for (int i = 0; i < a.length; i++) right &= a[i] == i;
        Test.is("numbers", sum == again && right);
    }

    static void strings() {
        StringBuilder builder = new StringBuilder();
        for (int i = 0; i < 300_000; i++) builder.append(i % 10).append("é".repeat(i % 3));
        String text = builder.toString();
        Test.is("strings", text.replace("é", "").length() == 300_000 && new String(text.getBytes()).equals(text)
            && text.hashCode() == new String(text.toCharArray()).hashCode());
    }

    public static void main(String[] words) throws Throwable {
        hierarchy();
        rare();
        replacement();
        handles();
        numbers();
        strings();
        Test.end();
    }
}
