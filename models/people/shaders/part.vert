#version 330
// What people wear.
in vec3 position;
in vec3 normal;
in vec2 uv;
in vec2 open;  // how much of the sky a point sees from its outer and its inner side, 0..1
uniform mat4 clip;
uniform vec3 camera;
out vec3 p, n;
out vec2 at;
out vec3 open_;  // to the sky, to the key, to the fill
#include seen.glsl

void main() {
    p = position;
    n = normal;
    at = uv;
    float side = dot(normal, camera - position);
    vec3 above = position + 0.003 * sign(side) * normal;
    open_ = vec3(side > 0.0 ? open.x : open.y, seen(key_shadow, to_key, above, 0.003 + 0.02 * softness), seen(fill_shadow, to_fill, above, 0.02));
    gl_Position = clip * vec4(position, 1.0);
}
