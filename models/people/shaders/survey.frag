#version 330
in vec4 here_, there_;
in vec3 at;
in vec2 masked;
out vec4 found;  // motion in pixels to the right and down, distance there in metres, part
uniform float size, iris_angle;
uniform int kind;        // 0 skin, 1 eyes, 2 mouth, 3 all of one part
uniform int part;
uniform int parts[8];    // skin, lips, inside of the mouth, sclera, iris, teeth, gum, tongue
void main() {
    vec2 moved = (there_.xy / there_.w - here_.xy / here_.w) * 0.5 * size;
    int p = part;
    if (kind == 0) p = masked.x > 0.5 ? parts[1] : masked.y > 0.6 ? parts[2] : parts[0];
    if (kind == 1) p = acos(clamp(-normalize(at).y, -1.0, 1.0)) < iris_angle ? parts[4] : parts[3];
    if (kind == 2) p = masked.y > 0.5 ? parts[7] : masked.x > 0.5 ? parts[6] : parts[5];
    found = vec4(moved.x, -moved.y, there_.w, float(p));
}
