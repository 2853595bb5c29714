#version 330
// Skin, tongue, eyes and teeth alike.
in vec3 position;
in vec3 normal;
in vec3 rest;
in vec2 mask;  // skin: lips, inside of the mouth; teeth: gum; eyes: left
in float open;  // how much of the sky a point sees, 0..1
uniform mat4 clip;
uniform mat4 to_key, to_fill;
uniform sampler2DShadow key_shadow, fill_shadow;
uniform float softness;
out vec3 p, n, at;
out vec2 masked;
out vec3 open_;  // to the sky, to the key, to the fill

float seen(sampler2DShadow map, mat4 to, vec3 p, float spread) {
    vec3 q = (to * vec4(p, 1.0)).xyz;
    float s = spread, sum = texture(map, q);
    sum += texture(map, q + vec3(s, 0.4 * s, 0)) + texture(map, q + vec3(-0.4 * s, s, 0)) + texture(map, q + vec3(-s, -0.4 * s, 0)) + texture(map, q + vec3(0.4 * s, -s, 0));
    return sum * 0.2;
}


void main() {
    p = position;
    n = normal;
    at = rest;
    masked = mask;
    vec3 above = position + 0.0015 * normal;
    open_ = vec3(open, seen(key_shadow, to_key, above, 0.003 + 0.02 * softness), seen(fill_shadow, to_fill, above, 0.02));
    gl_Position = clip * vec4(position, 1.0);
}
