#version 330
// Spreads the skin out over the maps, so that each texel knows its place on the average head.
in vec3 rest;
in vec2 mask;  // lips, ears
out vec3 at;
out vec2 masked;
#include place.glsl
void main() {
    at = rest;
    masked = mask;
    vec2 uv = place(rest);
    float depth = 1.0 - length(vec2(rest.x, rest.y - 0.06)) * 4.0;  // the outermost skin is what shows
    gl_Position = vec4(uv * 2.0 - 1.0, depth, 1.0);
}
