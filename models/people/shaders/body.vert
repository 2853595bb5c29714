#version 330
// Skin, tongue, eyes and teeth alike.
in vec3 position;
in vec3 normal;
in vec3 rest;
in vec2 mask;  // skin: lips, inside of the mouth; teeth: gum; eyes: left
in float open;  // how much of the sky a point sees, 0..1
uniform mat4 clip;
out vec3 p, n, at;
out vec2 masked;
out vec3 open_;  // to the sky, to the key, to the fill
#include seen.glsl

void main() {
    p = position;
    n = normal;
    at = rest;
    masked = mask;
    vec3 above = position + 0.0015 * normal;
    open_ = vec3(open, seen(key_shadow, to_key, above, 0.003 + 0.02 * softness), seen(fill_shadow, to_fill, above, 0.02));
    gl_Position = clip * vec4(position, 1.0);
}
