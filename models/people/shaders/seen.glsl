// How much of a lamp a point sees, looked up at a few places of its shadow map.
uniform mat4 to_key, to_fill;
uniform sampler2DShadow key_shadow, fill_shadow;
uniform float softness;

float seen(sampler2DShadow map, mat4 to, vec3 p, float spread) {
    vec3 q = (to * vec4(p, 1.0)).xyz;
    if (max(abs(q.x - 0.5), abs(q.y - 0.5)) > 0.49) return 1.0;  // nothing was drawn there
    float s = spread, sum = texture(map, q);
    sum += texture(map, q + vec3(s, 0.4 * s, 0)) + texture(map, q + vec3(-0.4 * s, s, 0)) + texture(map, q + vec3(-s, -0.4 * s, 0)) + texture(map, q + vec3(0.4 * s, -s, 0));
    return sum * 0.2;
}
